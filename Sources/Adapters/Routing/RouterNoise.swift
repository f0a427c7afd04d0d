import Backbones
import Foundation
import Tensors

/// The noise on task routers while training: a relaxed Bernoulli draw for every example, as PEFT's Poly has it, or for
/// all that share rows.
///
///     σ((logit + log u - log(1 - u)) / τ)        u ~ U(0, 1)
///
/// Maddison et al. 2017, section 5.4. Evaluation takes σ(logit).
public struct RouterNoise: Sendable, Equatable {
  public var isOn: Bool
  /// τ.
  public var temperature: Double

  public static let off = RouterNoise(isOn: false)

  public init(isOn: Bool = true, temperature: Double = 1) { (self.isOn, self.temperature) = (isOn, temperature) }

  func isDrawn(_ pass: Pass) -> Bool { isOn && pass.randomKey != nil }

  /// The draws' log u - log(1 - u) for one segment at one map, keyed by what its example draws by; nil when evaluating or
  /// switched off.
  func logits(count: Int, site: String, segment: Int, _ pass: Pass) -> [Double]? {
    guard isOn, let key = pass.randomKey else { return nil }
    var uniform = [Float](repeating: 0, count: count)
    uniform.withUnsafeMutableBufferPointer {
      key.child("routing").child(site).child(pass.segments[segment].draw).fillUniform($0, low: 0, high: 1)
    }
    // As PyTorch keeps probabilities off 0 and 1.
    let edge = Double(Float.ulpOfOne)
    return uniform.map { u in
      let u = min(max(Double(u), edge), 1 - edge)
      return log(u) - log1p(-u)
    }
  }
}
