import Foundation
import Glibc

/// The memory that this host has left.
enum HostMemory {
  static var facts: HostFacts.Memory {
    let folder = ProcessInfo.processInfo.environment["OMPI_MCA_osc_sm_backing_directory"] ?? "/dev/shm"
    let kernel = sizes(KernelFile.text("/proc/meminfo"))
    let total = kernel["MemTotal"] ?? 0, free = kernel["MemAvailable"] ?? kernel["MemFree"] ?? 0
    let limit = containerLimit
    return HostFacts.Memory(
      total: min(total, limit?.total ?? .max), available: min(free, limit?.available ?? .max),
      sharedFree: freeBytes(folder) ?? 0, sharedFolder: folder)
  }

  /// Bytes that any user may still write in a folder; nil where there is none.
  static func freeBytes(_ folder: String) -> Int? {
    var status = statvfs()
    return statvfs(folder, &status) == 0 ? Int(status.f_bavail) * Int(status.f_frsize) : nil
  }

  /// /proc/meminfo's lines "Name:  number kB", in bytes.
  static func sizes(_ text: String) -> [String: Int] {
    Dictionary(
      text.split(separator: "\n").compactMap { line -> (String, Int)? in
        let parts = line.split(separator: ":")
        guard parts.count == 2, let number = parts[1].split(separator: " ").first.flatMap({ Int($0) }) else {
          return nil
        }
        return (String(parts[0]), number << 10)
      }
    ) { $1 }
  }

  /// What the container, or the job of a scheduler, may take: the tightest of its control groups, of either version.
  private static var containerLimit: (total: Int, available: Int)? {
    let groups = KernelFile.text("/proc/self/cgroup").split(separator: "\n").flatMap {
      line -> [(String, String, String)] in
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3 else { return [] }
      if parts[1].isEmpty {
        return foldersAbove("/sys/fs/cgroup", parts[2]).map { ($0, "memory.max", "memory.current") }
      }
      guard parts[1].split(separator: ",").contains("memory") else { return [] }
      return foldersAbove("/sys/fs/cgroup/memory", parts[2]).map {
        ($0, "memory.limit_in_bytes", "memory.usage_in_bytes")
      }
    }
    let limits = groups.compactMap { folder, limit, usage -> (total: Int, available: Int)? in
      guard let total = number("\(folder)/\(limit)"), let used = number("\(folder)/\(usage)") else { return nil }
      // Files that were read are let go of when memory is wanted.
      let cached =
        KernelFile.text("\(folder)/memory.stat").split(separator: "\n").lazy
        .first { $0.hasPrefix("inactive_file ") }.flatMap { Int($0.dropFirst(14)) } ?? 0
      return (total, max(0, total - used + cached))
    }
    return limits.min { $0.available < $1.available }
  }

  private static func foldersAbove(_ root: String, _ path: String) -> [String] {
    let names = path.split(separator: "/")
    return (0...names.count).map { ([root] + names.prefix($0).map(String.init)).joined(separator: "/") }
  }

  private static func number(_ path: String) -> Int? {
    Int(KernelFile.text(path).trimmingCharacters(in: .whitespacesAndNewlines))
  }
}
