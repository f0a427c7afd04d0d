/// What of the time of steps goes to waiting: for slower ranks, and for the network.
///
/// A step takes as long as its slowest rank computes, and then what the sums of losses and gradients take. So with c the
/// seconds that rank r computes in step s and t those of all steps:
///
///     communication = 1 - Σₛ maxᵣ c / t        imbalance = Σₛ (maxᵣ c - meanᵣ c) / t
public struct StepShares: Sendable, Equatable {
  /// Summing that no rank computes beside.
  public let communication: Double
  /// What ranks wait, in the mean, because the parts of another take longer.
  public let imbalance: Double

  public init(communication: Double, imbalance: Double) {
    (self.communication, self.imbalance) = (communication, imbalance)
  }

  /// - Parameters:
  ///   - busy: Seconds that each rank computes in each step, by rank and step.
  ///   - seconds: All steps'.
  init(busy: [[Double]], seconds: Double) {
    let steps = busy[0].indices.map { step in busy.map { $0[step] } }
    let longest = steps.reduce(0) { $0 + ($1.max() ?? 0) }
    let mean = steps.reduce(0) { $0 + $1.reduce(0, +) / Double($1.count) }
    // Clocks of several ranks: what is left may be a little below nothing.
    (communication, imbalance) = (max(0, 1 - longest / seconds), (longest - mean) / seconds)
  }
}
