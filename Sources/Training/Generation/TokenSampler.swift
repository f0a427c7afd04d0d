import Foundation
import Tensors

/// Draws tokens from a model's logits as Hugging Face's `generate` does: temperature, then the k most likely tokens,
/// then the most likely ones that together reach probability p.
///
/// The random number of a draw depends on the seed, the prompt's number and the position alone, so that neither ranks
/// nor batches change what is drawn.
public struct TokenSampler: Sendable, Equatable {
  /// What logits are divided by; above 0.
  public let temperature: Double
  /// How many tokens are drawn from; 0: all.
  public let topK: Int
  /// The probability that the tokens drawn from reach; 1: all.
  public let topP: Double
  private let key: RandomKey

  public init(temperature: Double = 1, topK: Int = 50, topP: Double = 1, seed: UInt64) {
    (self.temperature, self.topK, self.topP) = (temperature, topK, topP)
    key = RandomKey(seed: seed).child("sampling")
  }

  /// The token drawn at one position (counted from the first new token) of one prompt.
  public func token(logits: UnsafeBufferPointer<Float>, ordinal: Int, position: Int) -> Int32 {
    let candidates = candidates(logits)
    let largest = Double(candidates.map { logits[$0] }.max() ?? 0)
    let weights = candidates.map { exp((Double(logits[$0]) - largest) / temperature) }
    let kept = nucleus(weights)
    let bits = key.child(UInt64(ordinal)).child(UInt64(position)).value
    // The upper 53 bits as a number in [0, 1).
    var rest = Double(bits >> 11) * 0x1p-53 * weights[..<kept].reduce(0, +)
    for place in 0..<kept {
      rest -= weights[place]
      if rest < 0 { return Int32(candidates[place]) }
    }
    return Int32(candidates[kept - 1])
  }

  /// The tokens that top-k leaves, the most likely first where an order is needed.
  private func candidates(_ logits: UnsafeBufferPointer<Float>) -> [Int] {
    if topK > 0, topK < logits.count { return LargestElements.indices(of: logits, count: topK) }
    return topP < 1 ? LargestElements.indices(of: logits, count: logits.count) : Array(logits.indices)
  }

  /// How many of the first candidates top-p leaves: those with less than p before them, at least one.
  private func nucleus(_ weights: [Double]) -> Int {
    guard topP < 1 else { return weights.count }
    let limit = topP * weights.reduce(0, +)
    var before = 0.0
    for (place, weight) in weights.enumerated() {
      guard before < limit || place == 0 else { return place }
      before += weight
    }
    return weights.count
  }
}

/// Finds the largest of many numbers.
enum LargestElements {
  /// The places of the `count` largest numbers in descending order, the first of equals first.
  static func indices(of values: UnsafeBufferPointer<Float>, count: Int) -> [Int] {
    func precedes(_ first: Int, _ second: Int) -> Bool {
      values[first] != values[second] ? values[first] > values[second] : first < second
    }
    // Sorting all is cheaper than a long list kept in order.
    guard count <= 256 else { return Array(values.indices.sorted(by: precedes).prefix(count)) }
    var result: [Int] = []
    var least = -Float.infinity
    for index in values.indices where result.count < count || values[index] > least {
      if result.count == count { result.removeLast() }
      let place = result.firstIndex { values[$0] < values[index] } ?? result.count
      result.insert(index, at: place)
      least = values[result[result.count - 1]]
    }
    return result
  }
}
