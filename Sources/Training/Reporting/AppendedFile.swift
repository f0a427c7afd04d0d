import Foundation

/// A file that grows at its end. Every append reaches the operating system before it returns.
struct AppendedFile: ~Copyable {
  let path: String
  private let descriptor: CInt

  /// Opens the file for appending, and creates it if need be.
  init(_ file: URL) throws(ReportingError) {
    path = file.path
    let opened = open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard opened >= 0 else { throw Self.failure(file.path, "open") }
    descriptor = opened
  }

  deinit { _ = close(descriptor) }

  func append(_ bytes: [UInt8]) throws(ReportingError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw Self.failure(path, "write") }
      rest = rest.dropFirst(count)
    }
  }

  func append(line: String) throws(ReportingError) { try append(Array((line + "\n").utf8)) }

  private static func failure(_ path: String, _ action: String) -> ReportingError {
    .fileFailed(path: path, action: action, reason: String(cString: strerror(errno)))
  }
}
