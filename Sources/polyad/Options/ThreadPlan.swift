import Foundation

/// How many threads a rank's matrix products use: one, unless POLYAD_THREADS says otherwise.
///
/// More cores are used by more ranks, which share the frozen weights. OpenBLAS with several threads cuts products in
/// other places, so the last bits of a result would depend on the number of threads; with one they never do.
struct ThreadPlan {
  let threadCount: Int

  init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
    guard let text = environment["POLYAD_THREADS"] else {
      threadCount = 1
      return
    }
    guard let count = Int(text), count > 0 else {
      throw UsageError("POLYAD_THREADS is \"\(text)\"; it must be a whole number of threads above 0")
    }
    threadCount = count
  }
}
