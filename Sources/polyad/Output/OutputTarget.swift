import Checkpoints
import Foundation
import Glibc

/// A file or folder that a command writes when its work is done.
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

  /// Checks, before the work starts, that a folder can appear at `path`: nothing is there, or an empty folder, and the
  /// nearest folder above may be written in.
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
    try requireWritableParent(path, option: option)
  }

  /// Checks, before the work starts, that the folder at `path` can give way to a new one: it holds nothing but files of
  /// these names, and the folder above may be written in.
  ///
  /// - Parameter content: What such a folder holds, in words.
  /// - Throws: `UsageError`.
  static func requireReplaceable(_ path: String, option: String, holding names: Set<String>, _ content: String) throws {
    let folder = URL(filePath: path)
    let found = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    if let stranger = found.first(where: { !names.contains($0) || FileSystem.isFolder(folder.appending(path: $0)) }) {
      throw UsageError(
        "\(option) \(path) holds more than \(content), such as \(stranger): choose another folder or remove it")
    }
    try requireWritableParent(path, option: option)
  }

  /// Folders above that are missing are made when the work is done.
  private static func requireWritableParent(_ path: String, option: String) throws {
    var parent = URL(filePath: path).standardizedFileURL.resolvingSymlinksInPath().deletingLastPathComponent()
    while access(parent.path, F_OK) != 0, errno == ENOENT || errno == ENOTDIR, parent.path != "/" {
      parent.deleteLastPathComponent()
    }
    let text = "\(option) \(path) cannot be written: \(parent.path)"
    guard FileSystem.isFolder(parent) else { throw UsageError(text + " is a file") }
    guard access(parent.path, W_OK | X_OK) == 0 else {
      throw UsageError("\(text): \(String(cString: strerror(errno)))")
    }
  }
}
