import Testing

@testable import Tasks

/// Ragged example lengths for tasks of the given sizes; a fixed rule, so that every test sees the same.
private func lengths(_ sizes: [Int]) -> [[Int]] {
  sizes.enumerated().map { task, size in (0..<size).map { 20 + ($0 * 37 + task * 11) % 180 } }
}

private func plan(
  _ sizes: [Int], mixing: MixingOptions = MixingOptions(), batch: Int = 8, parts: Int = 4, seed: UInt64 = 7
) throws -> BatchPlan {
  try BatchPlan(
    exampleLengths: lengths(sizes), mixing: mixing, trainBatchSize: batch, microBatches: parts, seed: seed)
}

@Test func proportionalUsesEveryExampleOnceAnEpoch() throws {
  let plan = try plan([13, 40, 7])
  #expect(plan.stepsPerEpoch == 8)  // 60 sequences, 8 a step
  for epoch in 0..<3 {
    let used = (0..<8).flatMap { plan.step(epoch * 8 + $0).parts.flatMap { $0 } }
    #expect(used.count == 60)
    #expect(Set(used.map { [$0.task, $0.index] }).count == 60)
    #expect(used.map(\.ordinal).sorted() == Array(epoch * 60..<(epoch + 1) * 60))
  }
}

@Test func stepsInAnyOrderAreTheSameAsInSequence() throws {
  let mixing = MixingOptions(strategy: .temperature(2), cap: 20)
  let sequential = try plan([13, 40, 7], mixing: mixing)
  let steps = (0..<30).map { sequential.step($0) }
  let random = try plan([13, 40, 7], mixing: mixing)
  for step in [29, 3, 17, 3, 0, 28, 11] { #expect(random.step(step) == steps[step]) }
  #expect(try plan([13, 40, 7], mixing: mixing, seed: 8).step(0) != steps[0])
}

@Test func epochsAreOrderedDifferently() throws {
  let plan = try plan([64], batch: 64, parts: 1)
  let first = plan.step(0).parts[0].map(\.index)
  let second = plan.step(1).parts[0].map(\.index)
  #expect(first != second)
  #expect(first != Array(0..<64))
  #expect(first.sorted() == second.sorted())
}

@Test func theLastPartialBatchIsUsed() throws {
  let plan = try plan([10], batch: 4, parts: 4)
  #expect(plan.stepsPerEpoch == 3)
  #expect((0..<3).map { plan.step($0).sequenceCount } == [4, 4, 2])
  #expect(plan.step(2).parts.count { $0.isEmpty } == 2)
  #expect(plan.step(3).epoch == 1)
}

@Test func partsHaveNearEqualTokenCounts() throws {
  let plan = try plan([200, 100], batch: 64, parts: 8)
  let lengths = lengths([200, 100])
  for step in 0..<4 {
    let parts = plan.step(step).parts
    let weights = parts.map { $0.reduce(0) { $0 + lengths[$1.task][$1.index] } }
    // Longest first onto the lightest part: no two parts differ by more than one (the shortest placed last) sequence.
    let longest = parts.flatMap { $0 }.map { lengths[$0.task][$0.index] }.max() ?? 0
    #expect((weights.max() ?? 0) - (weights.min() ?? 0) <= longest / 4)
    for part in parts { #expect(part.map(\.ordinal) == part.map(\.ordinal).sorted()) }
  }
}

@Test func equalLengthsAreDealtInOrder() throws {
  let plan = try BatchPlan(
    exampleLengths: [Array(repeating: 5, count: 6)], trainBatchSize: 6, microBatches: 3, seed: 1)
  #expect(plan.step(0).parts.map { $0.map(\.ordinal) } == [[0, 3], [1, 4], [2, 5]])
}

@Test func strategiesGiveTheirShares() throws {
  let sizes = [100, 400, 900]
  #expect(try TaskMixture(sizes: sizes).allotments == sizes)
  let uniform = try TaskMixture(sizes: sizes, options: MixingOptions(strategy: .uniform))
  #expect(uniform.allotments == [467, 467, 466])  // 1400 / 3, the remainder to the earlier tasks
  let temperature = try TaskMixture(sizes: sizes, options: MixingOptions(strategy: .temperature(2)))
  #expect(temperature.allotments == [233, 467, 700])  // shares 10, 20, 30 of 60
  let capped = try TaskMixture(sizes: sizes, options: MixingOptions(cap: 200))
  #expect(capped.allotments == [100, 200, 200])
  let weighted = try TaskMixture(sizes: [10, 10], weights: [3, 1])
  #expect(weighted.allotments == [15, 5])
}

@Test func aTasksStreamGoesOnAcrossEpochs() throws {
  // Uniform over 2 and 10 examples: 6 of each an epoch. The small task passes 3 times, the large one is through with
  // all ten examples after 10 draws, in the second epoch.
  let plan = try plan([2, 10], mixing: MixingOptions(strategy: .uniform), batch: 12, parts: 1)
  let epochs = (0..<5).map { plan.step($0).parts[0] }
  for epoch in epochs {
    #expect(epoch.count { $0.task == 0 && $0.index == 0 } == 3)
    #expect(epoch.count { $0.task == 1 } == 6)
  }
  let large = epochs.flatMap { $0.filter { $0.task == 1 }.map(\.index) }
  for index in 0..<10 { #expect(large.count { $0 == index } == 3) }
}

@Test func aPartialBatchIsAStep() throws {
  #expect(try plan([100], batch: 8).stepsPerEpoch == 13)
}

@Test func randomWordsAreThoseOfPhilox() {
  // The known answers of the paper's own library for Philox4x32-10.
  let zero = CounterGenerator(seed: 0).words(SIMD4(0, 0, 0, 0))
  #expect(zero == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
  let ones = CounterGenerator(seed: .max).words(SIMD4(repeating: .max))
  #expect(ones == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
}

@Test func randomWordsAreThoseOfTenRoundsWrittenOut() {
  func expected(_ counter: SIMD4<UInt32>, _ seed: UInt64) -> SIMD4<UInt32> {
    var x = counter, key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    for _ in 0..<10 {
      let first = x[0].multipliedFullWidth(by: 0xD251_1F53), second = x[2].multipliedFullWidth(by: 0xCD9E_8D57)
      x = SIMD4(second.high ^ x[1] ^ key[0], second.low, first.high ^ x[3] ^ key[1], first.low)
      key &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return x
  }
  var counter = SIMD4<UInt32>(1, 2, 3, 4)
  for turn in 0..<1000 {
    let seed = UInt64(turn) &* 0x9E37_79B9_7F4A_7C15, words = CounterGenerator(seed: seed).words(counter)
    #expect(words == expected(counter, seed))
    counter = words
  }
}

@Test func aShuffleIsTheSameForEver() {
  var values = Array(0..<12)
  CounterGenerator(seed: 7).shuffle(&values, stream: 3, turn: 5)
  #expect(values == [10, 0, 4, 9, 11, 3, 1, 2, 5, 6, 7, 8])
}

@Test func mixtureFaultsSayWhatToDo() {
  func text(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return ""
  }
  #expect(text { _ = try TaskMixture(sizes: []) } == "There is no task to train on. List at least one under tasks.")
  #expect(
    text { _ = try TaskMixture(sizes: [3, 0]) }
      == "Task 1 has no training example. Remove it or give it a file with examples.")
  #expect(
    text { _ = try TaskMixture(sizes: [3], weights: [0]) } == "Task 0 has the weight 0.0. Give it a number above 0.")
  #expect(
    text { _ = try TaskMixture(sizes: [3], weights: [1, 2]) }
      == "There are 2 task weights for 1 tasks. Give each task one weight.")
  #expect(
    text { _ = try TaskMixture(sizes: [3], options: MixingOptions(strategy: .temperature(0))) }
      == "The mixing temperature is 0.0. Give a number above 0, such as 2.")
  #expect(
    text { _ = try TaskMixture(sizes: [3], options: MixingOptions(cap: 0)) }
      == "The mixing cap is 0. Give a number of examples above 0, or leave it out.")
  #expect(
    text { _ = try plan([3], batch: 0) } == "train_batch_size is 0. Give a number of sequences above 0.")
  #expect(
    text { _ = try plan([30], mixing: MixingOptions(group: 9)) }
      == "mixing.group is 9. Give a number of examples from 1 to train_batch_size, which is 8.")
  #expect(
    text { _ = try plan([30], mixing: MixingOptions(group: 0)) }
      == "mixing.group is 0. Give a number of examples from 1 to train_batch_size, which is 8.")
  #expect(text { _ = try plan([3], parts: 0) } == "micro_batches is 0. Give a number of parts above 0.")
}
