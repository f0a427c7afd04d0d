import Tensors

/// The nearest update of rank k to the exact weighted sum (Eckart and Young 1936): PEFT's `svd`.
///
///     Σ wᵢ sᵢ Bᵢ Aᵢ = U diag(σ) Vᵀ        B' = U_k diag(σ_k)        A' = V_kᵀ        s' = 1
///
/// The sum is never formed: its decomposition follows from those of its factors. PEFT 0.21 gives the same, scales that
/// are not 1 included; where the first adapter is rsLoRA's its result is √r times too large, and this one is not.
struct TruncatedSum: FactorRule {
  /// k; nil: the largest rank of the terms.
  let rank: Int?

  func combine(_ terms: [WeightedFactors], at path: String) throws -> CombinedFactors {
    let tall = DoubleMatrix.joined(terms.map { $0.factors.b.scaled(by: $0.total) })
    let wide = DoubleMatrix.stacked(terms.map(\.factors.a))
    guard let decomposition = SingularValues(ofProduct: tall, wide) else {
      throw ArithmeticError.noSingularValues(path: path)
    }
    let sigma = decomposition.values
    let kept = min(rank ?? terms.map(\.factors.rank).max() ?? 1, sigma.count)
    let all = sigma.reduce(0) { $0 + $1 * $1 }, energy = sigma.prefix(kept).reduce(0) { $0 + $1 * $1 }
    return CombinedFactors(
      factors: LowRankFactors(
        a: decomposition.right.firstRows(kept),
        b: decomposition.left.firstColumns(kept).scalingColumns(by: Array(sigma.prefix(kept)))),
      keptEnergy: all > 0 ? energy / all : 1)
  }
}
