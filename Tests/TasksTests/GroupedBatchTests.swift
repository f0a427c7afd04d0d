import Testing

@testable import Tasks

/// `mixing: {group: k}`: examples of a task that are drawn together.
@Suite struct GroupedBatchTests {
  private static let sizes = [13, 40, 7, 3]
  private static let mixtures: [MixingOptions] = [
    MixingOptions(), MixingOptions(strategy: .uniform), MixingOptions(strategy: .temperature(2), cap: 20),
  ]

  private func plan(
    _ mixing: MixingOptions, group: Int, batch: Int = 8, seed: UInt64 = 7, sizes: [Int] = sizes
  ) throws -> BatchPlan {
    var mixing = mixing
    mixing.group = group
    return try BatchPlan(
      exampleLengths: sizes.map { size in (0..<size).map { 20 + $0 % 9 } }, mixing: mixing, trainBatchSize: batch,
      microBatches: 4, seed: seed)
  }

  /// Task and index of every example of an epoch, in the order of use.
  private func order(_ plan: BatchPlan, epoch: Int) -> [[Int]] { plan.epochOrder(epoch).map { [$0.task, $0.index] } }

  @Test(arguments: mixtures, [2, 3, 8]) func everyExampleIsUsedAsOftenAsAlone(mixing: MixingOptions, group: Int) throws
  {
    let alone = try plan(mixing, group: 1), together = try plan(mixing, group: group)
    #expect(together.mixture == alone.mixture && together.stepsPerEpoch == alone.stepsPerEpoch)
    func counts(_ plan: BatchPlan, epoch: Int) -> [[Int]: Int] {
      Dictionary(order(plan, epoch: epoch).map { ($0, 1) }, uniquingKeysWith: +)
    }
    for epoch in 0..<4 {
      #expect(counts(together, epoch: epoch) == counts(alone, epoch: epoch))
      #expect(order(together, epoch: epoch) != order(alone, epoch: epoch))
      let first = epoch * alone.mixture.epochSize
      #expect(together.epochOrder(epoch).map(\.ordinal) == Array(first..<first + alone.mixture.epochSize))
    }
  }

  /// Every block but the last has `group` examples; those of one task are as many as its allotment has whole groups, and
  /// the rest of a task stands together in the blocks that are left.
  @Test(arguments: mixtures, [2, 4, 8]) func blocksAreOfOneTask(mixing: MixingOptions, group: Int) throws {
    let plan = try plan(mixing, group: group)
    let order = order(plan, epoch: 1)
    let blocks = stride(from: 0, to: order.count, by: group).map { Array(order[$0..<min($0 + group, order.count)]) }
    let pure = blocks.filter { $0.count == group && Set($0.map { $0[0] }).count == 1 }
    for (task, count) in plan.mixture.allotments.enumerated() {
      // A block of rests may happen to be of one task only if that task's rest is a whole group, which is none.
      #expect(pure.count { $0[0][0] == task } == count / group, "task \(task) of \(count)")
    }
    let rests = plan.mixture.allotments.map { $0 % group }.filter { $0 > 0 }
    #expect(blocks.count - pure.count == (rests.reduce(0, +) + group - 1) / group)
    let scattered = blocks.filter { block in !pure.contains(block) }.map { $0.map { $0[0] } }
    let changes = scattered.reduce(0) { sum, tasks in sum + zip(tasks, tasks.dropFirst()).count { $0 != $1 } }
    #expect(changes < max(rests.count, 1), "the rest of a task is in one piece")
  }

  /// Where a batch is a multiple of the group, no group of one task is cut by it.
  @Test func groupsAreWholeInBatches() throws {
    let plan = try plan(MixingOptions(), group: 4)
    var whole = Array(repeating: 0, count: Self.sizes.count)
    for step in 0..<plan.stepsPerEpoch {
      let batch = plan.step(step).parts.joined().sorted { $0.ordinal < $1.ordinal }
      for start in stride(from: 0, to: batch.count, by: 4) {
        let tasks = Set(batch[start..<min(start + 4, batch.count)].map(\.task))
        if tasks.count == 1, let task = tasks.first, start + 4 <= batch.count { whole[task] += 1 }
      }
    }
    #expect(whole == Self.sizes.map { $0 / 4 })
  }

  @Test func aStepIsAFunctionOfItsNumber() throws {
    let sequential = try plan(Self.mixtures[2], group: 4)
    let steps = (0..<30).map { sequential.step($0) }
    let random = try plan(Self.mixtures[2], group: 4)
    for step in [29, 3, 17, 3, 0, 28, 11] { #expect(random.step(step) == steps[step]) }
    #expect(try plan(Self.mixtures[2], group: 4, seed: 8).step(0) != steps[0])
    #expect(order(sequential, epoch: 0) != order(sequential, epoch: 1))
  }

  /// One by one: all that is drawn, shuffled as a whole.
  @Test(arguments: mixtures) func aGroupOfOneIsThePlainOrder(mixing: MixingOptions) throws {
    let plan = try plan(mixing, group: 1), generator = CounterGenerator(seed: 7)
    for epoch in 0..<3 {
      var drawn: [[Int]] = []
      for (task, (size, count)) in zip(Self.sizes, plan.mixture.allotments).enumerated() {
        for place in epoch * count..<(epoch + 1) * count {
          var pass = Array(0..<size)
          generator.shuffle(&pass, stream: UInt32(task), turn: UInt32(place / size))
          drawn.append([task, pass[place % size]])
        }
      }
      generator.shuffle(&drawn, stream: .max, turn: UInt32(epoch))
      #expect(order(plan, epoch: epoch) == drawn)
    }
  }

  @Test func aGroupLargerThanATaskIsMadeOfRests() throws {
    let plan = try plan(MixingOptions(), group: 8, sizes: [3, 3, 3])
    let order = order(plan, epoch: 0)
    #expect(order.count == 9 && Set(order).count == 9)
    #expect(order.prefix(3).allSatisfy { $0[0] == order[0][0] })
  }
}
