import MessagePassing

/// What the ranks tell each other once a step beside the gradient: losses and labels by part and account, tokens, and
/// whether somebody was asked to stop.
///
/// Each part's numbers are written by the rank that computed it and are zero elsewhere, so their sum over ranks is
/// exact, and adding up parts in order gives the same bits for any number of ranks.
struct StepSums {
  private let partCount, accountCount: Int
  private var numbers: [Double]

  init(partCount: Int, accountCount: Int) {
    (self.partCount, self.accountCount) = (partCount, accountCount)
    numbers = Array(repeating: 0, count: partCount * 2 * accountCount + 3)
  }

  mutating func reset() { for index in numbers.indices { numbers[index] = 0 } }

  mutating func set(part: Int, _ sums: LossSums) {
    let start = part * 2 * accountCount
    numbers.replaceSubrange(start..<start + accountCount, with: sums.losses)
    numbers.replaceSubrange(start + accountCount..<start + 2 * accountCount, with: sums.counts)
  }

  /// - Parameter computed: How many of them were computed.
  mutating func addTokens(_ count: Int, computed: Int) {
    numbers[numbers.count - 3] += Double(count)
    numbers[numbers.count - 2] += Double(computed)
  }

  mutating func requestStop() { numbers[numbers.count - 1] = 1 }

  mutating func reduce(over communicator: Communicator) throws { try communicator.allReduce(&numbers, .sum) }

  var tokenCount: Int { Int(numbers[numbers.count - 3]) }
  var computedTokenCount: Int { Int(numbers[numbers.count - 2]) }
  var stopRequested: Bool { numbers[numbers.count - 1] > 0 }

  /// Losses and labels of the whole batch, parts added in order.
  var total: LossSums {
    var result = LossSums(accountCount: accountCount)
    for part in 0..<partCount {
      for account in 0..<accountCount {
        result.losses[account] += numbers[part * 2 * accountCount + account]
        result.counts[account] += numbers[part * 2 * accountCount + accountCount + account]
      }
    }
    return result
  }
}
