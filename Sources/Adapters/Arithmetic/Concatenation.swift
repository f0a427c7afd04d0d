import Tensors

/// PEFT's `cat`: the exact weighted sum, of rank Σ rᵢ.
///
///     A' = [w₁ s₁ A₁; w₂ s₂ A₂; …]        B' = [B₁ B₂ …]        s' = 1
struct Concatenation: FactorRule {
  func combine(_ terms: [WeightedFactors], at path: String) -> CombinedFactors {
    CombinedFactors(
      factors: LowRankFactors(
        a: .stacked(terms.map { $0.factors.a.scaled(by: $0.total) }), b: .joined(terms.map(\.factors.b))))
  }
}
