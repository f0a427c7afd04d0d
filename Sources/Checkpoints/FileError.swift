import Foundation

/// A file or folder on which the operating system refused an operation.
public struct FileError: Error, Equatable, CustomStringConvertible {
  /// What was tried, as in "cannot write".
  public let operation: String
  /// On which file or folder.
  public let path: String
  /// The system's error number.
  public let code: Int32

  /// The fault of the C call that just failed.
  static func last(_ operation: String, _ path: String) -> FileError {
    FileError(operation: operation, path: path, code: errno)
  }

  /// Throws what errno says when `result` is the -1 of a failed C call.
  static func check(_ result: Int32, _ operation: String, _ path: String) throws {
    if result == -1 { throw last(operation, path) }
  }

  /// Whether the disk, or the user's share of it, is full.
  public var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }

  public var description: String {
    "cannot \(operation) \(path): \(String(cString: strerror(code))). \(remedy)"
  }

  private var remedy: String {
    switch code {
    case ENOSPC, EDQUOT: "Free some space there or choose another folder, then try again."
    case EACCES, EPERM, EROFS: "Choose a folder you may use, or change its permissions."
    case ENOENT: "Check the path."
    case ENOTDIR, EEXIST, ENOTEMPTY, EISDIR: "A file or folder of that name is in the way: choose another path."
    case EMFILE, ENFILE: "Raise the limit of open files (ulimit -n)."
    default: "Check the disk and the path, then try again."
    }
  }
}
