import Foundation

/// The processor cores that this process may use, as the kernel tells.
public enum ProcessorCores {
  /// Their numbers, by affinity: one for all hardware threads that share a core.
  public static var available: Set<Int> { Set(availableThreads.map(core)) }

  /// The hardware threads that this process may use, by affinity.
  public static var availableThreads: [Int] {
    let status = text("/proc/self/status").split(separator: "\n")
    let line = status.first { $0.hasPrefix("Cpus_allowed_list:") }
    let threads = line.map { numbers($0.split(separator: ":")[1]) } ?? []
    return threads.isEmpty ? Array(0..<ProcessInfo.processInfo.activeProcessorCount) : threads
  }

  /// The cores that this host gives to this container or job, whatever this process is bound to.
  public static var present: Set<Int> {
    let group = text("/proc/self/cgroup").split(separator: "\n").map {
      $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    }
    func path(_ controller: Substring) -> String {
      group.last { $0.count == 3 && $0[1] == controller }.map { String($0[2]) } ?? ""
    }
    let files = [
      "/sys/fs/cgroup\(path(""))/cpuset.cpus.effective", "/sys/fs/cgroup/cpuset.cpus.effective",
      "/sys/fs/cgroup/cpuset\(path("cpuset"))/cpuset.effective_cpus", "/sys/fs/cgroup/cpuset/cpuset.effective_cpus",
      "/sys/devices/system/cpu/online",
    ]
    let threads = files.lazy.map { numbers(text($0)) }.first { !$0.isEmpty } ?? availableThreads
    return Set(threads.map(core))
  }

  /// How many cores' time the processes of this container may take together; nil: as much as there is.
  public static var quota: Int? { quota(text("/sys/fs/cgroup/cpu.max")) }

  /// What "microseconds period", or "max period", allows: at least one core.
  static func quota(_ text: String) -> Int? {
    let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    guard numbers.count == 2, numbers[1] > 0 else { return nil }
    return max(1, numbers[0] / numbers[1])
  }

  /// Numbers and ranges, such as "0-3,8".
  static func numbers(_ list: some StringProtocol) -> [Int] {
    list.split(separator: ",").flatMap { part -> [Int] in
      let ends = part.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
      guard let first = ends.first, let last = ends.last, first <= last else { return [] }
      return Array(first...last)
    }
  }

  /// The first of the hardware threads that share one's core.
  private static func core(of thread: Int) -> Int {
    numbers(text("/sys/devices/system/cpu/cpu\(thread)/topology/thread_siblings_list")).first ?? thread
  }

  private static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
