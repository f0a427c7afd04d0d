import Tensors

/// The signs and the mean of TIES (Yadav et al. 2023): every entry gets the sign that the adapters elect, and the mean
/// of the weighted entries that have it.
///
///     e = sign(Σ tᵢ), or sign(Σ sign(tᵢ)); + in a draw
///     t' = Σ wᵢ tᵢ [sign(tᵢ) = e] / max(1, Σ [sign(tᵢ) = e])
///
/// An adapter with a negative weight votes and is averaged as its negative; PEFT lets it vote as it stands.
struct SignElection: Sendable {
  let majority: MajoritySign
  let ignoresSignsOfWeights: Bool

  /// - Parameters:
  ///   - matrices: The tᵢ, of one shape.
  ///   - weights: The wᵢ.
  func mean(_ matrices: [DoubleMatrix], _ weights: [Double]) -> DoubleMatrix {
    let signs = weights.map { $0 < 0 && !ignoresSignsOfWeights ? -1.0 : 1.0 }
    let values = matrices[0].values.indices.map { index in
      let votes = zip(matrices, signs).map { $0.values[index] * $1 }
      let sum = majority == .total ? votes.reduce(0, +) : votes.reduce(0) { $0 + Self.sign($1) }
      let elected = sum >= 0 ? 1.0 : -1.0
      var total = 0.0, count = 0.0
      for place in votes.indices where Self.sign(votes[place]) == elected {
        total += weights[place] * matrices[place].values[index]
        count += 1
      }
      return total / max(1, count)
    }
    return DoubleMatrix(rows: matrices[0].rows, columns: matrices[0].columns, values: values)
  }

  private static func sign(_ value: Double) -> Double { value > 0 ? 1 : value < 0 ? -1 : 0 }
}
