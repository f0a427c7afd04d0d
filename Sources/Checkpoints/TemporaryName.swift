import Foundation

/// The hidden names under which files and folders wait until they are whole, or until they may go:
/// `.<name>.polyad-<stage>-<16 hexadecimal digits>`.
struct TemporaryName {
  /// What a hidden name means to whoever finds it after a crash.
  enum Stage: String, CaseIterable {
    /// Being written, or being removed: of no use to anybody.
    case partial
    /// A whole set of files, on its way to the folder around it.
    case publishing
    /// The old folder, while the new one takes its name.
    case replaced
  }

  /// The name that the file or folder has, or will have.
  let finalName: String
  let stage: Stage

  /// A fresh name beside `url`.
  static func sibling(of url: URL, _ stage: Stage) -> URL {
    let number = String(UInt64.random(in: .min ... .max), radix: 16)
    let token = String(repeating: "0", count: 16 - number.count) + number
    return url.deletingLastPathComponent()
      .appending(path: ".\(url.lastPathComponent).polyad-\(stage.rawValue)-\(token)")
  }

  /// The parts of a hidden name; nil for any other name.
  init?(_ name: String) {
    guard let match = name.wholeMatch(of: /\.(.+)\.polyad-([a-z]+)-[0-9a-f]{16}/),
      let stage = Stage(rawValue: String(match.output.2))
    else { return nil }
    finalName = String(match.output.1)
    self.stage = stage
  }
}

/// Tells files and folders that a running process still writes from those that a dead one left.
enum WriterLock {
  /// Marks what `descriptor` is open on as being written, until the descriptor is closed or the process ends.
  static func take(_ descriptor: Int32) {
    // File systems without locks are served by the age rule below.
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
  }

  /// Whether nobody writes the file or folder any more.
  static func isAbandoned(_ url: URL) -> Bool {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
    if errno == EWOULDBLOCK { return false }
    // Without locks: no writer leaves a file or folder unchanged for an hour.
    var status = stat()
    return fstat(descriptor, &status) == 0 && time(nil) - status.st_mtim.tv_sec > 3600
  }
}
