import Foundation
import Tensors

/// LoRA adapters made into one: the rule is applied map by map.
struct LowRankComposition {
  private let request: ArithmeticRequest
  private let rule: any FactorRule

  init(_ request: ArithmeticRequest) {
    self.request = request
    let options = request.options, isPEFTs = options.isPEFTCompatible
    let pruning = options.density.map { density in
      let key = RandomKey(seed: options.seed ?? 0).child("dare")
      return Pruning(choice: request.operation.isRandom ? .lots(key) : .largest, density: density)
    }
    let election = SignElection(majority: options.majority ?? .total, ignoresSignsOfWeights: isPEFTs)
    rule =
      switch request.operation {
      case .add, .negate, .analogy: FactorSum(isSingle: request.isSingle)
      // PEFT does with a single adapter the same whatever the operator is.
      case _ where isPEFTs && request.isSingle: RootWeightedSum(pruning: nil, election: nil)
      case .cat: Concatenation()
      case .svd: TruncatedSum(rank: options.rank)
      case .linear, .magnitudePrune, .dareLinear: RootWeightedSum(pruning: pruning, election: nil)
      case .ties, .dareTies: RootWeightedSum(pruning: pruning, election: election)
      }
  }

  /// The tensors of all maps, what came of each, and the configuration that fits them.
  ///
  /// - Throws: ``ArithmeticError``, or an error of an adapter's tensors.
  func compose() throws -> (tensors: [SavedTensor], maps: [MapReport], configuration: AdapterConfiguration) {
    let methods = request.terms.map { LoRA($0.adapter.configuration, sites: []) }
    var tensors: [SavedTensor] = [], maps: [MapReport] = []
    for (place, site) in request.first.adapter.sites.enumerated() {
      let terms = try zip(request.terms, methods).map { term, method in
        WeightedFactors(factors: try LowRankFactors(method, at: term.adapter.sites[place]), weight: term.weight)
      }
      try requireFitting(terms, at: site.path)
      let combined = try rule.combine(terms, at: site.path), factors = combined.factors
      tensors += factors.tensors(at: site.path)
      maps.append(
        MapReport(
          path: site.path, ranks: terms.map(\.factors.rank), resultRank: factors.rank,
          relativeError: DistanceFromSum.relative(factors.rounded, terms), keptEnergy: combined.keptEnergy))
    }
    return (tensors, maps, configuration(maps))
  }

  private func requireFitting(_ terms: [WeightedFactors], at path: String) throws {
    for (term, factors) in zip(request.terms, terms.map(\.factors)) {
      let first = terms[0].factors
      func difference(_ value: (LowRankFactors) -> String) -> ArithmeticError.Difference {
        .init(request.first, value(first), term, value(factors))
      }
      guard factors.a.columns == first.a.columns, factors.b.rows == first.b.rows else {
        throw ArithmeticError.differentShapes(
          path: path, difference { "\($0.a.columns) inputs and \($0.b.rows) outputs" })
      }
      guard factors.rank == first.rank || !request.operation.needsEqualRanks else {
        throw ArithmeticError.differentRanks(request.operation, path: path, difference { "r = \($0.rank)" })
      }
    }
  }

  /// The first adapter's; PEFT's operators leave a scale of 1, α = r at every map.
  private func configuration(_ maps: [MapReport]) -> AdapterConfiguration {
    var result = request.first.adapter.configuration
    guard !request.operation.isPapers else { return result }
    let ranks = maps.map { $0.resultRank ?? 1 }
    (result.adapterRank, result.useRSLoRA) = (ranks.max() ?? 1, false)
    result.loraAlpha = Double(result.adapterRank)
    let others = zip(maps, ranks).filter { $1 != result.adapterRank }.map { map, rank in
      (pattern: NSRegularExpression.escapedPattern(for: map.path), rank: rank)
    }
    result.rankPattern = others.map { PatternValue(pattern: $0.pattern, value: $0.rank) }
    result.alphaPattern = others.map { PatternValue(pattern: $0.pattern, value: Double($0.rank)) }
    return result
  }
}
