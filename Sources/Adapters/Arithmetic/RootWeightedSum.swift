import Foundation
import Tensors

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
