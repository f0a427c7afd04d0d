import Foundation

/// A file on its way to disk: written under a temporary sibling name, every call checked, and given its own name only
/// when it is whole and on the disk. Dropped before that, it leaves nothing behind and an older file untouched.
final class OutputFile {
  private let path: String
  private let temporaryPath: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []

  /// Small writes are gathered up to this many bytes.
  private static let bufferByteCount = 1 << 16

  /// - Throws: ``FileError`` when the file cannot be created.
  init(_ url: URL) throws {
    path = url.path
    var status = stat()
    // A device or pipe has no sibling to rename: it is written as it is.
    let isSpecial = stat(path, &status) == 0 && ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
    temporaryPath = isSpecial ? path : TemporaryName.sibling(of: url, .partial).path
    descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    try FileError.check(descriptor, "create", path)
    WriterLock.take(descriptor)
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    if temporaryPath != path { unlink(temporaryPath) }
  }

  /// Appends bytes.
  ///
  /// - Throws: ``FileError``, for instance when the disk is full.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    if buffer.count + bytes.count > Self.bufferByteCount { try flush() }
    if bytes.count < Self.bufferByteCount {
      buffer.append(contentsOf: bytes)
    } else {
      try writeThrough(bytes)
    }
  }

  /// Brings the file to the disk and under its name.
  ///
  /// - Throws: ``FileError``; the file then does not appear.
  func publish() throws {
    try flush()
    // Pipes and some devices cannot be synchronised and say EINVAL.
    if fsync(descriptor) == -1, errno != EINVAL { throw FileError.last("write", path) }
    let closed = close(descriptor)
    descriptor = -1
    do {
      try FileError.check(closed, "write", path)
      guard temporaryPath != path else { return }
      try FileError.check(rename(temporaryPath, path), "write", path)
    } catch {
      if temporaryPath != path { unlink(temporaryPath) }
      throw error
    }
    try FileSystem.synchronize(URL(filePath: path).deletingLastPathComponent())
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try writeThrough($0) }
    buffer.removeAll(keepingCapacity: true)
  }

  private func writeThrough(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let written = Foundation.write(descriptor, rest.baseAddress, rest.count)
      if written > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      } else if written == 0 || errno != EINTR {
        throw FileError.last("write", path)
      }
    }
  }
}
