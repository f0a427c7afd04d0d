import Foundation
import Tensors
import Training

/// How many threads a rank computes on: its part of the cores that the ranks of its node may use, at least one, unless
/// POLYAD_THREADS says otherwise. The number changes no byte of a result.
struct ThreadPlan {
  let threadCount: Int

  /// - Parameters:
  ///   - cores: The cores that each of the node's ranks may use.
  ///   - rank: This one's place among them.
  ///   - quota: How many cores' time the node's ranks may take together; nil: any.
  init(environment: [String: String], cores: [Set<Int>], rank: Int, quota: Int?) throws {
    // A core that several ranks may use is shared evenly; so is the time of all.
    let share = cores[rank].reduce(0.0) { share, core in share + 1 / Double(cores.count { $0.contains(core) }) }
    let available = max(1, min(Int(share + 1e-6), (quota ?? .max) / cores.count))
    guard let text = environment["POLYAD_THREADS"] else {
      threadCount = available
      return
    }
    guard let count = Int(text), count > 0 else {
      throw UsageError("POLYAD_THREADS is \"\(text)\"; it must be a whole number of threads above 0")
    }
    guard count <= available else {
      throw UsageError(
        "POLYAD_THREADS is \(count), but each of \(cores.count) rank(s) here has \(available) core(s) to itself: lower it, "
          + "start fewer ranks, or bind each to more cores (mpirun --map-by slot:pe=\(count) --bind-to core)")
    }
    threadCount = count
  }

  /// This rank's plan. Collective.
  init(_ ranks: Ranks) throws {
    let cores = try ranks.node.allGatherV(ProcessorCores.available.map(Int64.init))
    try self.init(
      environment: ProcessInfo.processInfo.environment, cores: cores.map { Set($0.map { Int($0) }) },
      rank: ranks.node.rank, quota: ProcessorCores.quota)
  }
}
