import Foundation
import Glibc
import Tensors

/// What the other processes of a host take of its cores.
enum BusyCores {
  /// Cores' time that others take of those that this process may use: the least of several tenths of a second, in all of
  /// which this process does nothing.
  static func sample() -> Double {
    let threads = Set(ProcessorCores.availableThreads)
    var least = Double.infinity, before = KernelFile.text("/proc/stat")
    for _ in 0..<5 {
      usleep(100_000)
      let after = KernelFile.text("/proc/stat")
      least = min(least, busy(before, after, threads: threads))
      before = after
    }
    return least
  }

  /// From two readings of /proc/stat, whose lines "cpuN" count the time for user, nice, system, idle, waiting for disks,
  /// interrupts (two), stolen by other machines, and guests (twice, who are users already).
  static func busy(_ before: String, _ after: String, threads: Set<Int>) -> Double {
    let first = times(before), second = times(after)
    return threads.reduce(0) { sum, thread in
      guard let start = first[thread], let end = second[thread], start.count >= 8, end.count >= 8 else { return sum }
      let spent = zip(start, end).prefix(8).map { max(0, $1 - $0) }, total = spent.reduce(0, +)
      return total > 0 ? sum + (total - spent[3] - spent[4]) / total : sum
    }
  }

  private static func times(_ text: String) -> [Int: [Double]] {
    Dictionary(
      text.split(separator: "\n").compactMap { line -> (Int, [Double])? in
        let words = line.split(separator: " ")
        guard let first = words.first, first.hasPrefix("cpu"), let thread = Int(first.dropFirst(3)) else { return nil }
        return (thread, words.dropFirst().compactMap { Double($0) })
      }
    ) { $1 }
  }
}
