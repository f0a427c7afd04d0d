/// Sums over some labels, per account: what ranks add up and divide once.
///
/// An account is where losses are counted: one of the recipe's tasks, whatever routes its examples.
public struct LossSums: Sendable, Equatable, Codable {
  /// Summed loss of each account's labels: cross-entropy in nats, or squared errors.
  public var losses: [Double]
  /// Labels of each account: tokens, or examples that are classified.
  public var counts: [Double]

  public init(accountCount: Int) {
    losses = Array(repeating: 0, count: accountCount)
    counts = Array(repeating: 0, count: accountCount)
  }

  /// Adds the sums of other label tokens, of as many accounts.
  public mutating func add(_ other: LossSums) {
    for account in losses.indices {
      losses[account] += other.losses[account]
      counts[account] += other.counts[account]
    }
  }

  public var lossSum: Double { losses.reduce(0, +) }
  public var labelCount: Double { counts.reduce(0, +) }
  /// The mean over every label token; NaN without any.
  public var mean: Double { lossSum / labelCount }
}
