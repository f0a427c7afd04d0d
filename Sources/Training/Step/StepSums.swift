import MessagePassing

/// What the ranks tell each other once a step beside the gradient: losses and labels by part and task, tokens, and
/// whether somebody was asked to stop.
///
/// Each part's numbers are written by the rank that computed it and are zero elsewhere, so their sum over ranks is exact,
/// and adding up parts in order gives the same bits for any number of ranks.
struct StepSums {
  private let partCount, taskCount: Int
  private var numbers: [Double]

  init(partCount: Int, taskCount: Int) {
    (self.partCount, self.taskCount) = (partCount, taskCount)
    numbers = Array(repeating: 0, count: partCount * 2 * taskCount + 2)
  }

  mutating func reset() { for index in numbers.indices { numbers[index] = 0 } }

  mutating func set(part: Int, _ sums: LossSums) {
    let start = part * 2 * taskCount
    numbers.replaceSubrange(start..<start + taskCount, with: sums.losses)
    numbers.replaceSubrange(start + taskCount..<start + 2 * taskCount, with: sums.counts)
  }

  mutating func addTokens(_ count: Int) { numbers[numbers.count - 2] += Double(count) }

  mutating func requestStop() { numbers[numbers.count - 1] = 1 }

  mutating func reduce(over communicator: Communicator) throws { try communicator.allReduce(&numbers, .sum) }

  var tokenCount: Int { Int(numbers[numbers.count - 2]) }
  var stopRequested: Bool { numbers[numbers.count - 1] > 0 }

  /// Losses and labels of the whole batch, parts added in order.
  var total: LossSums {
    var result = LossSums(taskCount: taskCount)
    for part in 0..<partCount {
      for task in 0..<taskCount {
        result.losses[task] += numbers[part * 2 * taskCount + task]
        result.counts[task] += numbers[part * 2 * taskCount + taskCount + task]
      }
    }
    return result
  }
}
