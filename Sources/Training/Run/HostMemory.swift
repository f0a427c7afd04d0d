import Foundation

/// What is left of this host's memory, in bytes; without end where nobody tells.
enum HostMemory {
  /// What is free or can be freed, within the control group's limit.
  static var available: Int {
    available(
      machine: KernelFile.text("/proc/meminfo"), limit: KernelFile.text("/sys/fs/cgroup/memory.max"),
      used: KernelFile.text("/sys/fs/cgroup/memory.current"))
  }

  /// What files in /dev/shm may still take.
  static var shared: Int {
    var status = statvfs()
    guard statvfs("/dev/shm", &status) == 0 else { return .max }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  /// - Parameters:
  ///   - machine: What /proc/meminfo holds.
  ///   - limit: The control group's limit, in bytes, or "max".
  ///   - used: What the control group has taken.
  static func available(machine: String, limit: String, used: String) -> Int {
    func number(_ text: some StringProtocol) -> Int? { Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) }
    let line = machine.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    let free = line?.split(separator: " ").dropFirst().first.flatMap(number).map { $0 << 10 }
    let left = number(limit).map { max(0, $0 - (number(used) ?? 0)) }
    return min(free ?? .max, left ?? .max)
  }
}
