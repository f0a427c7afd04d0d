import Foundation
import Tensors
import Testing

@testable import Backbones

/// Attention of every kind on uneven sequences, some longer than a block of rows, against the plain loop: all rows,
/// forward, backward and position by position.
struct AttentionKindTests {
  static let lengths = [[1], [5, 1, 9], [128, 3], [2, 300, 129]]

  @Test(arguments: AttentionKind.allCases, lengths) func forwardAgreesWithThePlainLoop(
    kind: AttentionKind, lengths: [Int]
  ) {
    let trial = AttentionTrial(kind, queries: lengths, keys: kind.keyLengths(lengths))
    let y = trial.forward()
    for sequence in lengths.indices {
      let expected = trial.plain.forward(trial.sequence(sequence))
      // Probabilities to 1e-6, values of a few units.
      #expect(largestDifference(trial.queryRows(y, sequence), expected) < 1e-5, "sequence \(sequence)")
    }
  }

  @Test(arguments: AttentionKind.allCases, lengths) func backwardAgreesWithThePlainLoop(
    kind: AttentionKind, lengths: [Int]
  ) {
    let trial = AttentionTrial(kind, queries: lengths, keys: kind.keyLengths(lengths))
    let y = trial.forward(), gradient = trial.backward(y)
    var bias = Array(repeating: [Int: Double](), count: trial.plain.headCount)
    for sequence in lengths.indices {
      let expected = trial.plain.backward(trial.queryRows(trial.dy, sequence), trial.sequence(sequence))
      // Slopes of a few units, from sums of up to 300 terms in single precision.
      #expect(largestDifference(trial.queryRows(gradient.q, sequence), expected.q) < 5e-5, "queries of \(sequence)")
      #expect(largestDifference(trial.keyRows(gradient.k, sequence), expected.k) < 5e-5, "keys of \(sequence)")
      #expect(largestDifference(trial.keyRows(gradient.v, sequence), expected.v) < 5e-5, "values of \(sequence)")
      for head in bias.indices { bias[head].merge(expected.bias[head], uniquingKeysWith: +) }
    }
    guard let found = trial.dBias else { return }
    for head in bias.indices {
      for (distance, expected) in bias[head] {
        // Up to 430 slopes of a few tenths added up.
        #expect(abs(Double(found.center(head: head)[distance]) - expected) < 1e-4, "head \(head), \(distance)")
      }
    }
  }

  @Test(arguments: AttentionKind.allCases.filter(\.isCausal), lengths) func stepByStepIsTheSame(
    kind: AttentionKind, lengths: [Int]
  ) {
    let trial = AttentionTrial(kind, queries: lengths, keys: lengths)
    let steps = trial.stepByStep()
    for sequence in lengths.indices {
      let expected = trial.plain.forward(trial.sequence(sequence))
      #expect(largestDifference(trial.queryRows(steps, sequence), expected) < 1e-5, "sequence \(sequence)")
    }
  }

  /// A step's query sees all of another stream's keys.
  @Test(arguments: lengths) func aStepSeesAllOfTheSource(lengths: [Int]) {
    let trial = AttentionTrial(.cross, queries: lengths.map { _ in 1 }, keys: AttentionKind.cross.keyLengths(lengths))
    let y = trial.stepOnSource()
    for sequence in lengths.indices {
      let expected = trial.plain.forward(trial.sequence(sequence))
      #expect(largestDifference(trial.queryRows(y, sequence), expected) < 1e-5, "sequence \(sequence)")
    }
  }

  @Test(arguments: [false, true]) func queriesWithoutKeysGiveZeros(isBackward: Bool) {
    let trial = AttentionTrial(.cross, queries: [3, 2], keys: [0, 4])
    let y = trial.forward()
    let found = isBackward ? trial.backward(y).q : y
    #expect(trial.queryRows(found, 0).allSatisfy { $0 == 0 })
    #expect(trial.queryRows(found, 1).contains { $0 != 0 })
  }

  private func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
    precondition(a.count == b.count, "\(a.count) numbers for \(b.count)")
    return zip(a, b).reduce(0) { max($0, ($1.0 - $1.1).isNaN ? .infinity : abs($1.0 - $1.1)) }
  }
}
