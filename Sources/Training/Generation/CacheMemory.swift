import Foundation
import MessagePassing
import Synchronization

/// How much memory keys and values may take.
enum CacheMemory {
  /// Bytes of a rank's cache at most and at least: as much as a share of prompts can use, and little beside a model.
  static let range = 1 << 27...1 << 30

  /// What rank 0's machine allows; 0: a process alone.
  private static let agreed = Atomic<Int>(0)

  /// Has all ranks take what rank 0's machine allows, so that hosts with other memory decode the same prompts side by
  /// side. Collective.
  static func agree(over world: Communicator) throws(MPIError) {
    agreed.store(Int(try world.broadcast(Int64(byteCount()))), ordering: .relaxed)
  }

  /// Bytes of one rank's cache in this job.
  static var ofJob: Int {
    let bytes = agreed.load(ordering: .relaxed)
    return bytes > 0 ? bytes : byteCount()
  }

  /// Bytes of one rank's cache: a quarter of what the machine, or its control group, has for each core, rounded down to
  /// a power of two, within ``range``.
  ///
  /// What is in use at the moment, and how many ranks there are, does not count: what is decoded side by side, and with
  /// it the last bits of results, is the same in every job on machines of one kind.
  static func byteCount(total: Int = total(), coreCount: Int = sysconf(Int32(_SC_NPROCESSORS_ONLN))) -> Int {
    let share = total / max(coreCount, 1) / 4
    guard share > range.lowerBound else { return range.lowerBound }
    return min(1 << (Int.bitWidth - 1 - share.leadingZeroBitCount), range.upperBound)
  }

  /// Bytes of memory; without end where nobody says.
  private static func total() -> Int {
    let line = text("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
    let machine = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
    let group = text("/sys/fs/cgroup/memory.max").flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    return min(machine ?? .max, group ?? .max)
  }

  private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}
