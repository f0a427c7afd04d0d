/// The ways to make one adapter of several without training: those of Zhang et al. 2023 (arXiv 2306.14870), and PEFT's
/// under PEFT's names.
///
/// With weights wᵢ, scales sᵢ and ΔWᵢ = sᵢ Bᵢ Aᵢ, the exact weighted sum is Σ wᵢ ΔWᵢ.
public enum ArithmeticOperator: String, CaseIterable, Sendable {
  /// The paper's sum, see ``FactorSum``.
  case add
  /// The paper's negation, -λ ΔW.
  case negate
  /// The paper's combination, c₀ a + c₁ (b - c).
  case analogy
  /// PEFT's sum on A and B apart, see ``RootWeightedSum``.
  case linear
  /// The exact weighted sum, of a rank as large as all ranks together, see ``Concatenation``.
  case cat
  /// The nearest to the exact weighted sum that a rank allows, see ``TruncatedSum``.
  case svd
  /// Small entries are dropped, signs elected (Yadav et al. 2023).
  case ties
  /// `linear` of the largest entries.
  case magnitudePrune = "magnitude_prune"
  /// `linear` of entries drawn by lot, scaled up (Yu et al. 2023).
  case dareLinear = "dare_linear"
  /// Entries drawn by lot, signs elected.
  case dareTies = "dare_ties"

  /// Whether it drops entries and so needs a density.
  public var prunes: Bool { [.ties, .magnitudePrune, .dareLinear, .dareTies].contains(self) }
  /// Whether it elects signs.
  public var electsSigns: Bool { [.ties, .dareTies].contains(self) }
  /// Whether it draws lots.
  public var isRandom: Bool { [.dareLinear, .dareTies].contains(self) }
  /// Whether every adapter needs the same rank at a map.
  public var needsEqualRanks: Bool { ![.cat, .svd].contains(self) }
  /// Whether it is one of the paper's.
  public var isPapers: Bool { [.add, .negate, .analogy].contains(self) }

  /// The weights of the single adapters, with the signs that the operator gives them.
  ///
  /// - Parameters:
  ///   - weights: As the user gives them: one an adapter, but λ for `negate` (none: 1) and c₀, c₁ for `analogy`.
  ///   - adapterCount: At least 1.
  /// - Throws: ``ArithmeticRequestError``.
  public func signedWeights(_ weights: [Double], adapterCount: Int) throws -> [Double] {
    let wanted: (adapters: Int?, weights: Int) =
      switch self {
      case .negate: (1, 1)
      case .analogy: (3, 2)
      default: (nil, adapterCount)
      }
    if let count = wanted.adapters, count != adapterCount {
      throw ArithmeticRequestError.adapterCount(self, expected: count, found: adapterCount)
    }
    let weights = self == .negate && weights.isEmpty ? [1] : weights
    guard weights.count == wanted.weights else {
      throw ArithmeticRequestError.weightCount(self, expected: wanted.weights, found: weights.count)
    }
    return switch self {
    case .negate: [-weights[0]]
    case .analogy: [weights[0], weights[1], -weights[1]]
    default: weights
    }
  }
}

/// How the sign of an entry is elected.
public enum MajoritySign: String, CaseIterable, Sendable {
  /// By the sum of the entries.
  case total
  /// By the count of their signs.
  case frequency
}
