import Tensors
import Training

/// Keeps what was measured for later plans.
enum ProfileNotes {
  /// Adds measurements to this machine's profile; a profile that takes none is told and stops nothing.
  static func record(
    steps: [StepRates] = [], products: [MachineProfile.ProductRate] = [],
    reductions: [MachineProfile.ReductionTime] = []
  ) {
    guard !(steps.isEmpty && products.isEmpty && reductions.isEmpty) else { return }
    do {
      try MachineProfile.record(steps: steps, products: products, reductions: reductions)
    } catch {
      CommandOutput.message("note: \(error)")
    }
  }

  /// The best rate of a product, all ranks of the host at once.
  static func product(_ gflops: Double, _ precision: Precision, _ ranks: Ranks) -> MachineProfile.ProductRate {
    .init(
      precision: precision.rawValue, threads: Threads.count,
      busyCores: min(ranks.node.size * Threads.count, MachineProfile.theseCores), gflops: gflops)
  }

  static func reduction(_ measurement: ReductionBenchmark.Measurement) -> MachineProfile.ReductionTime {
    .init(
      scope: measurement.scope.rawValue, kind: measurement.kind.rawValue, ranks: measurement.ranks,
      hosts: measurement.hosts, byteCount: measurement.byteCount, seconds: measurement.seconds)
  }
}
