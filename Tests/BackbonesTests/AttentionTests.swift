import Foundation
import Tensors
import TestSupport
import Testing

@testable import Backbones

/// Attention of every kind on uneven segments, some longer than a block of rows, against the plain loop: all rows,
/// forward, backward, from a cache and position by position.
struct AttentionTests {
  static let lengths = [[1], [5, 1, 9], [128, 3], [2, 300, 129]]

  @Test(arguments: AttentionKind.allCases, lengths) func forwardAgreesWithThePlainLoop(
    kind: AttentionKind, lengths: [Int]
  ) {
    expectOutput(AttentionTrial(kind, queries: lengths, keys: kind.keyLengths(lengths)))
  }

  @Test(arguments: AttentionKind.allCases, lengths) func backwardAgreesWithThePlainLoop(
    kind: AttentionKind, lengths: [Int]
  ) {
    expectGradient(AttentionTrial(kind, queries: lengths, keys: kind.keyLengths(lengths)))
  }

  @Test(arguments: AttentionKind.allCases.filter(\.isCausal), lengths) func stepByStepIsTheSame(
    kind: AttentionKind, lengths: [Int]
  ) {
    let trial = AttentionTrial(kind, queries: lengths, keys: lengths)
    #expect(largestDifference(trial.stepByStep().array(), trial.expectedOutput) < 1e-5)
  }

  @Test(arguments: AttentionKind.allCases, lengths + [[16, 2, 17, 1, 5]]) func aCachesKeysGiveTheSame(
    kind: AttentionKind, lengths: [Int]
  ) {
    let trial = AttentionTrial(kind, queries: lengths, keys: kind.keyLengths(lengths))
    #expect(largestDifference(trial.attend().array(), trial.expectedOutput) < 1e-5)
  }

  /// One query each, against all keys of a source; several read the same one.
  @Test func stepsSeeAllOfTheirSources() {
    let sources = [0..<150, 150..<153, 0..<150, 0..<150, 153..<154, 0..<150, 150..<153]
    let trial = AttentionTrial(.cross, queries: sources.map { _ in 1 }, seeing: sources.map { KeyRanges([$0]) })
    #expect(largestDifference(trial.attend().array(), trial.expectedOutput) < 1e-5)
  }

  @Test func queriesWithoutKeysGiveZeros() {
    for count in [3, 20] {
      let trial = AttentionTrial(.cross, queries: [count, 2], keys: [0, 4])
      for found in [trial.forward(), trial.attend(), trial.backward().q] {
        #expect(found.rows(0..<count).array().allSatisfy { $0 == 0 })
        #expect(found.rows(count..<count + 2).array().allSatisfy { $0.isFinite && $0 != 0 })
      }
    }
  }

  // MARK: Several ranges of keys

  /// A prefix of 7 and one of 140 rows, each seen by two segments that go on behind it: one computation of the prefix
  /// serves all of them, and its keys get the gradients of all.
  private static let shared: (queries: [Int], seen: [KeyRanges]) = (
    [7, 5, 3, 140, 1, 131],
    [
      KeyRanges([0..<7]), KeyRanges([0..<7, 7..<12]), KeyRanges([0..<7, 12..<15]), KeyRanges([15..<155]),
      KeyRanges([15..<155, 155..<156]), KeyRanges([15..<155, 156..<287]),
    ]
  )

  @Test(arguments: AttentionKind.allCases.filter(\.isCausal)) func aSharedPrefixIsSeenByAllThatGoOnBehindIt(
    kind: AttentionKind
  ) {
    let trial = AttentionTrial(kind, queries: Self.shared.queries, seeing: Self.shared.seen)
    expectOutput(trial)
    expectGradient(trial)
  }

  /// A prefix of 140 rows and one of 6 behind it, each behind it seen by a hundred and fifty short segments: more than
  /// one product takes.
  private static let crowd: (queries: [Int], seen: [KeyRanges]) = {
    var queries = [140, 6], seen = [KeyRanges([0..<140]), KeyRanges([0..<140, 140..<146])], end = 146
    for number in 0..<150 {
      let count = number % 3 + 1, shared = number % 5 == 0 ? [0..<140] : [0..<140, 140..<146]
      queries.append(count)
      seen.append(KeyRanges(shared + [end..<end + count]))
      end += count
    }
    return (queries, seen)
  }()

  @Test(arguments: AttentionKind.allCases.filter(\.isCausal)) func manyThatGoOnBehindAPrefixMeetItTogether(
    kind: AttentionKind
  ) {
    let trial = AttentionTrial(kind, queries: Self.crowd.queries, seeing: Self.crowd.seen)
    #expect(largestDifference(trial.attend().array(), trial.expectedOutput) < 1e-5)
    #expect(largestDifference(trial.stepByStep().array(), trial.expectedOutput) < 1e-5)
  }

  /// Three ranges: a prefix of a prefix.
  @Test func prefixesCanBeSharedThreeDeep() {
    let seen = [
      KeyRanges([0..<4]), KeyRanges([0..<4, 4..<7]), KeyRanges([0..<4, 4..<7, 7..<9]),
      KeyRanges([0..<4, 4..<7, 9..<10]),
    ]
    let trial = AttentionTrial(.everything, queries: [4, 3, 2, 1], seeing: seen)
    expectOutput(trial)
    expectGradient(trial)
  }

  /// Context that sees itself whole before a causal target, as in GLM; 150 of them reach over a block's end.
  @Test(arguments: [3, 128, 150]) func aVisiblePrefixIsSeenByAllQueries(visible: Int) {
    let trial = AttentionTrial(
      .grouped, queries: [160, 4], seeing: [KeyRanges([0..<160], visible: visible), KeyRanges([160..<164], visible: 2)])
    expectOutput(trial)
    expectGradient(trial)
  }

  @Test func rangesLieBehindOneAnother() {
    let pieces = KeyRanges([10..<13, 4..<4, 20..<25]).pieces(1..<7)
    #expect(pieces.map(\.rows) == [11..<13, 20..<24] && pieces.map(\.columns) == [0..<2, 2..<6])
  }

  @Test func aSegmentDoesNotSeeItsNeighbours() {
    let together = AttentionTrial(.causal, queries: [3, 7, 2], keys: [3, 7, 2])
    let y = together.forward().array()
    together.inputs.k.rows(0..<3).fill(9)
    together.inputs.v.rows(10..<12).fill(9)
    let width = together.inputs.q.columns
    #expect(together.forward().array()[3 * width..<10 * width] == y[3 * width..<10 * width])
  }

  // MARK: Threads and memory

  private static func expectSameBytes(_ results: () -> [[Float]]) {
    let alone = withThreads(1, results)
    for threads in threadCounts.dropFirst() {
      let isSame = withThreads(threads, results) == alone
      #expect(isSame, "\(threads) threads")
    }
  }

  /// All that attention computes; the numbers are the trial's.
  private static func results(_ trial: AttentionTrial) -> [[Float]] {
    withExtendedLifetime(trial) {
      let y = trial.forward(), gradient = trial.backward()
      return [y, gradient.q, gradient.k, gradient.v, trial.dBias?.values].compactMap { $0?.array() }
    }
  }

  @Test(arguments: AttentionKind.allCases) func theNumberOfThreadsChangesNoBit(kind: AttentionKind) {
    let lengths = [2, 300, 129, 1, 40]
    Self.expectSameBytes {
      Self.results(AttentionTrial(kind, queries: lengths, keys: kind.keyLengths(lengths)))
    }
  }

  @Test func threadsThatMeetInASharedPrefixChangeNoBit() {
    Self.expectSameBytes {
      Self.results(AttentionTrial(.everything, queries: Self.shared.queries, seeing: Self.shared.seen))
    }
  }

  /// More work than one thread keeps to itself.
  @Test(arguments: [AttentionKind.causal, .everything, .biasedCausal])
  func aCachesQueriesOnSeveralThreadsHaveTheSameBits(kind: AttentionKind) {
    Self.expectSameBytes {
      let trial = AttentionTrial(kind, queries: Self.crowd.queries, seeing: Self.crowd.seen)
      return withExtendedLifetime(trial) { [trial.attend().array()] }
    }
  }

  /// Twice as long segments take twice the memory, not four times: scores are there for a block of rows at a time. The
  /// bias of (T5's) distances is a vector.
  @Test(arguments: AttentionKind.allCases) func memoryGrowsWithTheLengthAndNotWithItsSquare(kind: AttentionKind) {
    func bytes(_ length: Int) -> Int {
      let trial = AttentionTrial(kind, queries: [length], keys: [length])
      _ = trial.backward()
      return trial.byteCount
    }
    withThreads(1) { #expect(Double(bytes(2048)) <= 2.01 * Double(bytes(1024))) }
  }

  @Test func segmentsThatSeeARowInCommonMeet() {
    #expect([KeyRanges([0..<3]), KeyRanges([3..<5, 7..<9]), KeyRanges([5..<7])].meeting == [[0], [1], [2]])
    #expect([KeyRanges([0..<3]), KeyRanges([3..<5]), KeyRanges([5..<9, 0..<1])].meeting == [[0, 2], [1]])
    #expect([KeyRanges([0..<9]), KeyRanges([12..<15, 20..<25]), KeyRanges([2..<13])].meeting == [[0, 1, 2]])
    #expect([KeyRanges([0..<4]), KeyRanges([2..<3]), KeyRanges([3..<4])].meeting == [[0, 1, 2]])
    #expect(([] as [KeyRanges]).meeting.isEmpty)
  }

  // MARK: The reference

  @Test(arguments: AttentionKind.allCases) func thePlainLoopsGradientsAreSlopes(kind: AttentionKind) {
    let bias: ((Int, Int) -> Double)? = kind.isBiased ? { Double(AttentionKind.bias($0, $1)) } : nil
    let attention = kind.attention
    let plain = PlainAttention(
      headCount: attention.headCount, keyHeadCount: attention.keyHeadCount, headWidth: 3,
      scale: Double(attention.scale), softCap: attention.softCap.map(Double.init), bias: bias
    ) { kind.isCausal ? $1 <= $0 : true }
    func numbers(_ count: Int, _ seed: Int) -> [Double] { (0..<count).map { sin(Double($0 * 7 + seed)) } }
    let sequence = PlainAttention.Sequence(
      q: numbers(4 * attention.width, 1), k: numbers(5 * attention.keyWidth, 2),
      v: numbers(5 * attention.keyWidth, 3), queryCount: 4, keyCount: 5, firstPlace: 1)
    let dy = numbers(4 * attention.width, 4), gradient = plain.backward(dy, sequence)
    func expectSlopes(_ path: WritableKeyPath<PlainAttention.Sequence, [Double]>, _ found: [Double]) {
      for index in found.indices {
        func loss(_ step: Double) -> Double {
          var moved = sequence
          moved[keyPath: path][index] += step
          return zip(dy, plain.forward(moved)).reduce(0) { $0 + $1.0 * $1.1 }
        }
        // Double precision: differences of numbers of a few units, divided by 2e-5.
        #expect(abs((loss(1e-5) - loss(-1e-5)) / 2e-5 - found[index]) < 1e-8)
      }
    }
    expectSlopes(\.q, gradient.q)
    expectSlopes(\.k, gradient.k)
    expectSlopes(\.v, gradient.v)
  }

  // MARK: Comparing

  /// Probabilities to 1e-6, values of a few units.
  private func expectOutput(_ trial: AttentionTrial) {
    #expect(largestDifference(trial.forward().array(), trial.expectedOutput) < 1e-5)
  }

  /// Slopes of a few units, from sums of up to 400 terms in single precision.
  private func expectGradient(_ trial: AttentionTrial) {
    let found = trial.backward(), expected = trial.expectedGradient
    #expect(largestDifference(found.q.array(), expected.q) < 5e-5, "queries")
    #expect(largestDifference(found.k.array(), expected.k) < 1e-4, "keys")
    #expect(largestDifference(found.v.array(), expected.v) < 1e-4, "values")
    guard let dBias = trial.dBias else { return }
    for (head, slopes) in expected.bias.enumerated() {
      let found = slopes.keys.map { dBias.values[head, dBias.reach + $0] }
      // Up to 430 slopes of a few tenths added up.
      #expect(largestDifference(found, Array(slopes.values)) < 1e-4, "bias of head \(head)")
    }
  }

  private func largestDifference(_ a: [Float], _ b: [Double]) -> Double {
    precondition(a.count == b.count, "\(a.count) numbers for \(b.count)")
    return zip(a, b).reduce(0) { max($0, ($1.0.isNaN ? .infinity : abs(Double($1.0) - $1.1))) }
  }
}
