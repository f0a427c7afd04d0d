import Foundation
import Testing

@testable import Training

struct TokenSamplerTests {
  /// How often each of the tokens is drawn in `count` draws.
  private func shares(_ sampler: TokenSampler, _ logits: [Float], count: Int = 20_000) -> [Double] {
    var counts = Array(repeating: 0, count: logits.count)
    logits.withUnsafeBufferPointer { logits in
      for draw in 0..<count { counts[Int(sampler.token(logits: logits, ordinal: draw % 7, position: draw / 7))] += 1 }
    }
    return counts.map { Double($0) / Double(count) }
  }

  private func softmax(_ logits: [Double]) -> [Double] {
    let weights = logits.map { exp($0) }
    return weights.map { $0 / weights.reduce(0, +) }
  }

  /// Four standard deviations of a share in 20,000 draws are at most 0.0142.
  private let tolerance = 0.0142

  @Test func sharesFollowTheSoftmaxOfTheLogitsOverTheTemperature() {
    let logits: [Float] = [0.5, 2, -1, 1]
    for temperature in [1.0, 0.5, 3] {
      let expected = softmax(logits.map { Double($0) / temperature })
      let found = shares(TokenSampler(temperature: temperature, topK: 0, seed: 1), logits)
      for (found, expected) in zip(found, expected) { #expect(abs(found - expected) <= tolerance) }
    }
  }

  @Test func topKLeavesTheLargestAlone() {
    let found = shares(TokenSampler(topK: 2, seed: 1), [0.5, 2, -1, 1])
    let expected = softmax([2, 1])
    #expect(found[0] == 0 && found[2] == 0)
    #expect(abs(found[1] - expected[0]) <= tolerance)
  }

  @Test func topPLeavesTheTokensThatReachIt() {
    // Probabilities 0.5, 0.25, 0.15, 0.1 in another order: 0.7 is reached by the first two.
    let logits: [Float] = [0.15, 0.5, 0.1, 0.25].map { log($0) }
    let found = shares(TokenSampler(topK: 0, topP: 0.7, seed: 1), logits)
    #expect(found[0] == 0 && found[2] == 0)
    #expect(abs(found[1] - 2.0 / 3) <= tolerance)
    #expect(shares(TokenSampler(topK: 0, topP: 0.01, seed: 1), logits, count: 50)[1] == 1)
  }

  @Test func theLargestComeInOrderTheFirstOfEqualsFirst() {
    var values = (0..<500).map { Float(($0 * 37) % 101) }
    values[3] = 200
    values.withUnsafeBufferPointer { values in
      let sorted = values.indices.sorted { (values[$1], $0) < (values[$0], $1) }
      for count in [1, 5, 50, 256, 300, 500] {
        #expect(LargestElements.indices(of: values, count: count) == Array(sorted.prefix(count)))
      }
    }
  }
}
