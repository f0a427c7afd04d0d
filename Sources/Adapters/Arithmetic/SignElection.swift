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
    DoubleMatrix(
      rows: matrices[0].rows, columns: matrices[0].columns, values: mean(matrices.map(\.values), weights))
  }

  /// The same for vectors of one length.
  func mean(_ vectors: [[Double]], _ weights: [Double]) -> [Double] {
    let signs = weights.map { $0 < 0 && !ignoresSignsOfWeights ? -1.0 : 1.0 }
    return vectors[0].indices.map { index in
      var sum = 0.0
      for place in vectors.indices {
        let vote = vectors[place][index] * signs[place]
        sum += majority == .total ? vote : Self.sign(vote)
      }
      let elected = sum >= 0 ? 1.0 : -1.0
      var total = 0.0, count = 0.0
      for place in vectors.indices where Self.sign(vectors[place][index] * signs[place]) == elected {
        total += weights[place] * vectors[place][index]
        count += 1
      }
      return total / max(1, count)
    }
  }

  private static func sign(_ value: Double) -> Double { value > 0 ? 1 : value < 0 ? -1 : 0 }
}
