import Foundation

/// A process, named so that no other one of any machine has the name, now or later.
struct ProcessIdentity: Codable, Equatable, Sendable {
  let host: String
  let pid: Int32
  /// When it started, in the clock ticks since the machine started that /proc/<pid>/stat tells: process numbers are used
  /// again.
  let startTime: UInt64
  /// The machine, from its start on; empty where it cannot be told.
  let bootId: String
  /// Where its number counts: containers of one machine have numbers of their own.
  let pidNamespace: String

  enum CodingKeys: String, CodingKey {
    case host, pid
    case startTime = "start_time"
    case bootId = "boot_id"
    case pidNamespace = "pid_namespace"
  }

  /// This process.
  static var own: ProcessIdentity {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let host = name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    let bootId = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    return ProcessIdentity(
      host: host, pid: getpid(), startTime: ProcessStatus(of: getpid())?.startTime ?? 0,
      bootId: bootId.trimmingCharacters(in: .whitespacesAndNewlines),
      pidNamespace: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? "")
  }

  /// What one process can tell of another.
  enum Sight {
    case running
    case gone
    /// It is on another machine, in another container, or hidden.
    case outOfSight
  }

  /// What this process, which asks, can tell of `other`.
  func sight(of other: ProcessIdentity) -> Sight {
    guard !bootId.isEmpty, !pidNamespace.isEmpty, bootId == other.bootId, pidNamespace == other.pidNamespace else {
      return .outOfSight
    }
    // A stopped one is there as well; one that has ended and waits for its parent to notice is not.
    if kill(other.pid, 0) == -1, errno == ESRCH { return .gone }
    guard let status = ProcessStatus(of: other.pid) else { return .outOfSight }
    return status.startTime == other.startTime && !status.hasEnded ? .running : .gone
  }
}

/// What /proc/<pid>/stat tells.
private struct ProcessStatus {
  let hasEnded: Bool
  let startTime: UInt64

  init?(of pid: Int32) {
    // pid (name) state …; the name may hold anything but ends at the last bracket. The start is the 22nd field.
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let bracket = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: bracket)...].split(separator: " ")
    guard fields.count > 19, let start = UInt64(fields[19]) else { return nil }
    hasEnded = ["Z", "X"].contains(fields[0])
    startTime = start
  }
}
