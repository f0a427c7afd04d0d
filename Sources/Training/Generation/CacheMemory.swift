import Foundation

/// How much memory keys and values may take.
enum CacheMemory {
  /// Bytes at most, where the machine has them: as much as a share of prompts can use, and little beside a model.
  static let most = 1 << 30

  /// Bytes of one rank's cache: a quarter of what the machine, or its control group, has left for the rank, at most
  /// ``most``. Rounded down to a power of two, so that small changes of the memory in use change nothing.
  ///
  /// - Parameter nodeRankCount: Ranks on the machine.
  static func byteCount(nodeRankCount: Int, available: Int = available()) -> Int {
    let share = available / max(nodeRankCount, 1) / 4
    return share >= most ? most : share > 0 ? 1 << (Int.bitWidth - 1 - share.leadingZeroBitCount) : 0
  }

  /// Bytes that are left, those that hold copies of files among them; without end where nobody says.
  private static func available() -> Int {
    let machine = value("MemAvailable:", in: "/proc/meminfo").map { $0 << 10 }
    var group: Int?
    if let limit = number("/sys/fs/cgroup/memory.max"), let used = number("/sys/fs/cgroup/memory.current") {
      group = max(limit - used + (value("inactive_file", in: "/sys/fs/cgroup/memory.stat") ?? 0), 0)
    }
    return min(machine ?? .max, group ?? .max)
  }

  /// The number behind a name that starts a line.
  private static func value(_ name: String, in path: String) -> Int? {
    let line = text(path)?.split(separator: "\n").first { $0.hasPrefix(name + " ") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
  }

  private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

  private static func number(_ path: String) -> Int? {
    text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }
}
