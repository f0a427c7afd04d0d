import Tensors

/// The sum of Zhang et al. 2023, section 3, on A and B apart; a weight's sign is on B alone.
///
///     A' = Σ |wᵢ| Aᵢ        B' = Σ wᵢ Bᵢ
///
/// With w = (c₀, c₁, -c₁) it is the paper's combination A' = c₀ A₁ + c₁ (A₂ + A₃), B' = c₀ B₁ + c₁ (B₂ - B₃). The
/// result holds cross terms |wᵢ| wⱼ Bⱼ Aᵢ; it is the exact weighted sum where all Aᵢ are the same and Σ|wᵢ| = 1, which
/// is why adapters to be added should start from one A.
///
/// A single adapter keeps its A and gets w B, the paper's negation for w < 0: there the weight counts once, not twice.
/// One beside which others are named whose weights are 0 is not single, so that nothing jumps where a weight goes to 0.
///
/// Scales that differ are moved into B, so that the result has the first one's.
struct FactorSum: FactorRule {
  let isSingle: Bool

  func combine(_ terms: [WeightedFactors], at path: String) -> CombinedFactors {
    let scale = terms[0].factors.scale
    let b = terms.map(\.factors.b).sum(terms.map { $0.weight * ($0.factors.scale / scale) })
    guard !isSingle else { return CombinedFactors(factors: .init(a: terms[0].factors.a, b: b, scale: scale)) }
    let a = terms.map(\.factors.a).sum(terms.map { abs($0.weight) })
    return CombinedFactors(factors: LowRankFactors(a: a, b: b, scale: scale))
  }
}
