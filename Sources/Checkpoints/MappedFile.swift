import Crypto
import Foundation

/// A whole file mapped read-only. Processes of one node that map the same file share one copy of it in memory.
///
/// The file must not be shortened meanwhile; files written by this module are replaced under their name instead.
final class MappedFile {
  /// The file's bytes; valid while this object lives, which `withExtendedLifetime` ensures for a local variable.
  let bytes: UnsafeRawBufferPointer

  /// - Throws: ``FileError``, also for a folder.
  init(_ url: URL) throws {
    let path = url.path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    try FileError.check(descriptor, "open", path)
    defer { close(descriptor) }
    var status = stat()
    try FileError.check(fstat(descriptor, &status), "read", path)
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(operation: "read", path: path, code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
    }
    let byteCount = Int(status.st_size)
    guard byteCount > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0)
    guard address != MAP_FAILED else { throw FileError.last("map", path) }
    bytes = UnsafeRawBufferPointer(start: address, count: byteCount)
  }

  deinit {
    if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
  }

  /// The file's SHA-256 in lower-case hexadecimal digits.
  func hexadecimalSHA256() -> String {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    let digits = Array("0123456789abcdef")
    return String(hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
