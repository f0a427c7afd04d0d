import Checkpoints
import Foundation
import Glibc

/// A file that a command writes when its work is done.
enum OutputTarget {
  /// Checks, before the work starts, that the file can be written: its folder is there and may be written in, or it is
  /// a pipe or device that may be written to.
  ///
  /// - Parameter option: The option that named it.
  /// - Throws: `UsageError`.
  static func requireWritable(_ path: String?, option: String) throws {
    guard let path else { return }
    let file = URL(filePath: path), folder = file.deletingLastPathComponent()
    if FileSystem.isFolder(file) { throw UsageError("\(option) \(path) is a folder; name a file in it") }
    let isSpecial = access(file.path, F_OK) == 0 && !FileSystem.isFile(file)
    if !isSpecial, !FileSystem.isFolder(folder) {
      throw UsageError("\(option) \(path): there is no folder \(folder.path); create it or choose another path")
    }
    guard access(isSpecial ? file.path : folder.path, W_OK) == 0 else {
      throw UsageError("\(option) \(path) cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  /// Checks, before the work starts, that a folder can appear at `path`: nothing is there, or an empty folder.
  ///
  /// - Throws: `UsageError`.
  static func requireNewFolder(_ path: String, option: String) throws {
    let folder = URL(filePath: path)
    if FileSystem.isFolder(folder) {
      guard try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty else {
        throw UsageError("\(option) \(path) is there already and not empty: choose another folder or remove it")
      }
    } else if access(folder.path, F_OK) == 0 {
      throw UsageError("\(option) \(path) is a file: name a folder")
    }
  }
}
