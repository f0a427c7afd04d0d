import Tensors

/// Factors of a sum, and how much they count.
struct WeightedFactors: Sendable {
  let factors: LowRankFactors
  /// w, with the sign that the operator gives it.
  let weight: Double

  /// w s, the factor of B A in the exact sum.
  var total: Double { weight * factors.scale }
}

/// The factors that a rule makes of several.
struct CombinedFactors: Sendable {
  let factors: LowRankFactors
  /// The share of Σσ² that a truncated sum keeps; nil for sums of other kinds.
  var keptEnergy: Double?
}

/// A rule that makes one low-rank update of several at a map.
protocol FactorRule: Sendable {
  /// - Throws: ``ArithmeticError`` where the numbers do not allow it.
  func combine(_ terms: [WeightedFactors], at path: String) throws -> CombinedFactors
}

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

/// PEFT's `linear`, `magnitude_prune`, `ties`, `dare_linear` and `dare_ties`: sums on A and B apart whose own terms are
/// exact, wᵢ sᵢ Bᵢ Aᵢ, beside cross terms.
///
///     A' = Σ sign(wᵢ sᵢ) √|wᵢ sᵢ| prune(Aᵢ)        B' = Σ √|wᵢ sᵢ| prune(Bᵢ)        s' = 1
///
/// With an election the sums become ``SignElection``'s means.
struct RootWeightedSum: FactorRule {
  let pruning: Pruning?
  let election: SignElection?

  func combine(_ terms: [WeightedFactors], at path: String) -> CombinedFactors {
    let roots = terms.map { abs($0.total).squareRoot() }
    let signed = zip(terms, roots).map { $0.total < 0 ? -$1 : $1 }
    return CombinedFactors(
      factors: LowRankFactors(
        a: combine(terms.map(\.factors.a), signed, name: AdapterPlan.name(path, "lora_A.weight")),
        b: combine(terms.map(\.factors.b), roots, name: AdapterPlan.name(path, "lora_B.weight"))))
  }

  private func combine(_ matrices: [DoubleMatrix], _ factors: [Double], name: String) -> DoubleMatrix {
    let pruned = matrices.enumerated().map { place, matrix in
      pruning?.apply(to: matrix, adapter: place, name: name) ?? matrix
    }
    return election?.mean(pruned, factors) ?? pruned.sum(factors)
  }
}

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
