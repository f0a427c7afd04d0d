import Backbones
import Foundation
import Tensors

/// The learnt allocation of tasks to skills: a row of logits a task, independent of the input.
///
///     z = σ(Z[t])        while training relaxed Bernoulli, see ``RouterNoise``
///     w = z / (Σ_s z_s + 1e-12)        over the skills of a split, if normalised
///
/// Shape: Z (tasks, splits · skills). Ponti et al. 2023, section 3; PEFT's PolyRouter.
struct SkillRouter {
  static let epsilon = 1e-12

  let logits: ParameterPair
  let splits: Int
  let normalizes: Bool
  let noise: RouterNoise
  let site: String

  private var skills: Int { logits.values.columns / splits }

  /// A segment's weights, [split · skills + skill].
  func weights(of segment: Int, _ pass: Pass) -> [Double] {
    let values = activations(of: segment, pass).values
    return normalizes ? Self.normalized(values, splits: splits) : values
  }

  /// The weights that noise-free logits stand for, [split · skills + skill].
  static func weights(logits: some Sequence<Float>, splits: Int, normalizes: Bool) -> [Double] {
    let values = logits.map { 1 / (1 + exp(-Double($0))) }
    return normalizes ? normalized(values, splits: splits) : values
  }

  private static func normalized(_ values: [Double], splits: Int) -> [Double] {
    var weights = values
    let skills = values.count / splits
    for split in 0..<splits {
      let range = split * skills..<(split + 1) * skills
      let sum = values[range].reduce(0, +) + epsilon
      for index in range { weights[index] /= sum }
    }
    return weights
  }

  /// Adds the logits' gradient from that of a segment's weights.
  func addGradient(_ dWeights: [Double], of segment: Int, _ pass: Pass) {
    let (z, slope) = activations(of: segment, pass)
    let row = logits.gradient.rows(pass.segments[segment].route..<pass.segments[segment].route + 1)
    for split in 0..<splits {
      let range = split * skills..<(split + 1) * skills
      // w = z / sum
      let sum = normalizes ? z[range].reduce(0, +) + Self.epsilon : 1
      let inner = normalizes ? range.reduce(0) { $0 + dWeights[$1] * z[$1] } / sum : 0
      for index in range { row[0, index] += Float((dWeights[index] - inner) / sum * slope[index]) }
    }
  }

  /// z and its slope by the logit.
  private func activations(of segment: Int, _ pass: Pass) -> (values: [Double], slope: [Double]) {
    let route = pass.segments[segment].route, columns = logits.values.columns
    let draws = noise.logits(count: columns, site: site, segment: segment, pass)
    let temperature = draws == nil ? 1 : noise.temperature
    let values = (0..<columns).map { column in
      1 / (1 + exp(-(Double(logits.values[route, column]) + (draws?[column] ?? 0)) / temperature))
    }
    return (values, values.map { $0 * (1 - $0) / temperature })
  }
}
