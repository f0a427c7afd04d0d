import Foundation

/// A file that the operating system's kernel writes while it is read, such as those of /proc.
enum KernelFile {
  /// All of it, which may be longer than one read gives; empty if there is none.
  static func text(_ path: String) -> String {
    guard let file = FileHandle(forReadingAtPath: path) else { return "" }
    defer { try? file.close() }
    return String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
  }
}
