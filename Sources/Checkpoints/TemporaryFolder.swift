import Foundation

/// A hidden folder beside the place its content is meant for. Dropped before it is moved, it leaves nothing behind.
final class TemporaryFolder {
  let url: URL
  private let descriptor: Int32
  private var hasMoved = false

  /// - Throws: ``FileError`` when the folder cannot be created.
  init(beside final: URL) throws {
    url = TemporaryName.sibling(of: final, .partial)
    try FileError.check(mkdir(url.path, 0o777), "create", final.path)
    descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    WriterLock.take(descriptor)
  }

  deinit {
    close(descriptor)
    if !hasMoved { try? FileManager.default.removeItem(at: url) }
  }

  /// Gives the folder its other name, under which it stays.
  ///
  /// - Throws: ``FileError``; the folder is then still temporary.
  func move(to destination: URL) throws {
    try FileSystem.move(url, to: destination)
    hasMoved = true
  }
}
