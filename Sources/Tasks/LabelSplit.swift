/// One of two halves of a task's training examples, the labels of both skewed: the setting of distribution
/// generalisation in Zhang et al. 2023 (arXiv 2306.14870), as its published code cuts the data.
///
/// Of n examples, n₀ of which have the task's first label, part 0 has ⌊n/2⌋: the first round(skew · n₀) of that label,
/// or as many as fit, then the first of the other labels, then, where those do not suffice, further ones of the first
/// label. Part 1 has the rest. Both keep the order of the file.
public struct LabelSplit: Sendable, Equatable, Codable {
  /// The share of the first label's examples that part 0 gets, from 0 to 1; halves round away from 0.
  public var skew: Double
  /// Which half: 0 or 1.
  public var part: Int

  public init(skew: Double, part: Int) { (self.skew, self.part) = (skew, part) }

  /// The places of this half's examples, in rising order.
  ///
  /// - Parameter hasFirstLabel: Of each example, whether its label is the task's first.
  public func places(hasFirstLabel: [Bool]) -> [Int] {
    let half = hasFirstLabel.count / 2
    let firstCount = hasFirstLabel.count { $0 }
    let wanted = min(Int((skew * Double(firstCount)).rounded()), half)
    let others = min(half - wanted, hasFirstLabel.count - firstCount)
    var left = (first: half - others, others: others)  // what part 0 still takes
    return hasFirstLabel.indices.filter { place in
      let isTaken = hasFirstLabel[place] ? left.first > 0 : left.others > 0
      if isTaken, hasFirstLabel[place] { left.first -= 1 }
      if isTaken, !hasFirstLabel[place] { left.others -= 1 }
      return isTaken == (part == 0)
    }
  }
}

/// What a ``LabelSplit`` left of a task.
public struct LabelSplitReport: Sendable, Equatable, Codable {
  /// The half's examples of one label.
  public struct Count: Sendable, Equatable, Codable {
    public let label: String
    public let examples: Int
  }

  /// The examples of both halves.
  public let total: Int
  /// Of each of the task's labels, in class order.
  public let counts: [Count]

  /// The examples of this half.
  public var examples: Int { counts.reduce(0) { $0 + $1.examples } }
}
