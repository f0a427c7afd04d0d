import Foundation

/// How often each task is drawn. In a recipe: `mixing: {strategy: temperature, temperature: 2, cap: 1000, group: 4}`.
public struct MixingOptions: Sendable, Equatable {
  /// Task t has n_t examples and, after the cap, counts as m_t = min(n_t, cap).
  public enum Strategy: Sendable, Equatable {
    /// p_t ∝ m_t: without a cap and weights, every example exactly once an epoch.
    case proportional
    /// p_t the same for every task.
    case uniform
    /// p_t ∝ m_t^(1/T): T = 1 is proportional, T → ∞ uniform (Raffel et al. 2020, section 3.5.2).
    case temperature(Double)
  }

  public var strategy: Strategy
  /// The size beyond which a task counts no more (examples-proportional mixing with a limit, Raffel et al. 2020); nil:
  /// none.
  public var cap: Int?
  /// How many examples of a task are drawn together, from 1 to a batch. It changes the order of an epoch alone.
  public var group: Int

  public init(strategy: Strategy = .proportional, cap: Int? = nil, group: Int = 1) {
    (self.strategy, self.cap, self.group) = (strategy, cap, group)
  }
}

/// The faults a mixture or a batch plan can have.
public enum MixtureError: Error, Equatable, CustomStringConvertible {
  case noTasks
  case emptyTask(index: Int)
  case badWeight(index: Int, weight: Double)
  case weightCount(expected: Int, found: Int)
  case badTemperature(Double)
  case badCap(Int)
  case badGroup(Int, trainBatchSize: Int)
  case badBatchSize(Int)
  case badPartCount(Int)

  public var description: String {
    switch self {
    case .noTasks: "There is no task to train on. List at least one under tasks."
    case .emptyTask(let index): "Task \(index) has no training example. Remove it or give it a file with examples."
    case .badWeight(let index, let weight): "Task \(index) has the weight \(weight). Give it a number above 0."
    case .weightCount(let expected, let found):
      "There are \(found) task weights for \(expected) tasks. Give each task one weight."
    case .badTemperature(let value): "The mixing temperature is \(value). Give a number above 0, such as 2."
    case .badCap(let value): "The mixing cap is \(value). Give a number of examples above 0, or leave it out."
    case .badGroup(let value, let trainBatchSize):
      "mixing.group is \(value). Give a number of examples from 1 to train_batch_size, which is \(trainBatchSize)."
    case .badBatchSize(let value): "train_batch_size is \(value). Give a number of sequences above 0."
    case .badPartCount(let value): "micro_batches is \(value). Give a number of parts above 0."
    }
  }
}

/// How many examples of each task one epoch holds: a pure function of the tasks' sizes and the options.
///
///     N = Σ m_t        m_t = min(n_t, cap)
///     a_t = N p_t      rounded to whole numbers by largest remainder, ties to the earlier task
public struct TaskMixture: Sendable, Equatable {
  /// n_t: the examples of each task.
  public let sizes: [Int]
  /// p_t: each task's share; they sum to 1.
  public let shares: [Double]
  /// a_t: the examples an epoch takes of each task; they sum to ``epochSize``.
  public let allotments: [Int]
  /// N: the examples of an epoch.
  public var epochSize: Int { allotments.reduce(0, +) }

  /// - Parameters:
  ///   - sizes: The number of examples of each task.
  ///   - weights: A factor on each task's share; nil: all 1.
  /// - Throws: ``MixtureError``.
  public init(sizes: [Int], options: MixingOptions = MixingOptions(), weights: [Double]? = nil) throws {
    let weights = weights ?? Array(repeating: 1, count: sizes.count)
    guard !sizes.isEmpty else { throw MixtureError.noTasks }
    guard weights.count == sizes.count else {
      throw MixtureError.weightCount(expected: sizes.count, found: weights.count)
    }
    if let empty = sizes.firstIndex(where: { $0 < 1 }) { throw MixtureError.emptyTask(index: empty) }
    if let bad = weights.firstIndex(where: { !($0 > 0) || !$0.isFinite }) {
      throw MixtureError.badWeight(index: bad, weight: weights[bad])
    }
    if let cap = options.cap, cap < 1 { throw MixtureError.badCap(cap) }
    if case .temperature(let value) = options.strategy, !(value > 0) || !value.isFinite {
      throw MixtureError.badTemperature(value)
    }
    let capped = sizes.map { min($0, options.cap ?? $0) }
    let masses = zip(capped, weights).map { size, weight in
      switch options.strategy {
      case .proportional: weight * Double(size)
      case .uniform: weight
      case .temperature(let value): weight * pow(Double(size), 1 / value)
      }
    }
    let sum = masses.reduce(0, +)
    self.sizes = sizes
    self.shares = masses.map { $0 / sum }
    self.allotments = Self.largestRemainder(total: capped.reduce(0, +), shares: shares)
  }

  /// Whole numbers that sum to `total` and are as near to `total` times the shares as can be.
  static func largestRemainder(total: Int, shares: [Double]) -> [Int] {
    let quotas = shares.map { Double(total) * $0 }
    var counts = quotas.map { Int($0.rounded(.down)) }
    let remainders = zip(quotas, counts).map { $0 - Double($1) }
    let order = shares.indices.sorted { (remainders[$0], $1) > (remainders[$1], $0) }
    for index in order.prefix(max(total - counts.reduce(0, +), 0)) { counts[index] += 1 }
    return counts
  }
}
