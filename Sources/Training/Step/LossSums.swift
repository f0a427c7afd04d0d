/// Sums over some labels, per task: what ranks add up and divide once.
public struct LossSums: Sendable, Equatable, Codable {
  /// Summed loss of each task's labels: cross-entropy in nats, or squared errors.
  public var losses: [Double]
  /// Labels of each task: tokens, or examples that are classified.
  public var counts: [Double]

  public init(taskCount: Int) {
    losses = Array(repeating: 0, count: taskCount)
    counts = Array(repeating: 0, count: taskCount)
  }

  /// Adds the sums of other label tokens, of as many tasks.
  public mutating func add(_ other: LossSums) {
    for task in losses.indices {
      losses[task] += other.losses[task]
      counts[task] += other.counts[task]
    }
  }

  public var lossSum: Double { losses.reduce(0, +) }
  public var labelCount: Double { counts.reduce(0, +) }
  /// The mean over every label token; NaN without any.
  public var mean: Double { lossSum / labelCount }
}
