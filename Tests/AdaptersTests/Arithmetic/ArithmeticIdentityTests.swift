import Tensors
import Testing

@testable import Adapters

/// Laws that hold for any adapters.
struct ArithmeticIdentityTests {
  private static let seeds: [UInt64] = [1, 2, 3]
  /// The numbers are near 1 and pass through 32-bit files.
  private static let tolerance = 1e-5

  @Test(arguments: seeds) func negatingTwiceIsTheIdentity(seed: UInt64) throws {
    for adapter in [try RandomAdapter.lora(seed), try RandomAdapter.ia3(seed)] {
      let twice = try compose(.negate, [compose(.negate, [adapter], []).result], []).result
      for (name, tensor) in adapter.byName {
        let other = try #require(twice.byName[name])
        // 2 - (2 - l) rounds; a factor's sign does not.
        #expect(zip(tensor.values, other.values).allSatisfy { abs($0 - $1) < 1e-6 })
      }
      #expect(twice.configuration == adapter.configuration)
    }
  }

  @Test(arguments: seeds) func negationChangesTheUpdatesSign(seed: UInt64) throws {
    let adapter = try RandomAdapter.lora(seed, alpha: 5), negated = try compose(.negate, [adapter], [0.7])
    for (update, other) in zip(try adapter.updates(), try negated.result.updates()) {
      #expect(distance(update.scaled(by: -0.7), other) < Self.tolerance)
    }
    #expect(try #require(negated.relativeError).largest < 1e-6)
  }

  @Test(arguments: [ArithmeticOperator.add, .linear, .cat, .svd], seeds)
  func anAdapterMinusItselfIsZero(operation: ArithmeticOperator, seed: UInt64) throws {
    let adapter = try RandomAdapter.lora(seed), result = try compose(operation, [adapter, adapter], [1, -1])
    // svd: what is left is rounding of the decomposition.
    for update in try result.result.updates() { #expect(distance(update, update.scaled(by: 0)) < 1e-12) }
    #expect(try #require(result.relativeError).largest < 1e-6)
  }

  @Test(arguments: seeds) func vectorsMinusThemselvesAreOnes(seed: UInt64) throws {
    let adapter = try RandomAdapter.ia3(seed), result = try compose(.add, [adapter, adapter], [1, -1]).result
    #expect(result.tensors.allSatisfy { $0.values.allSatisfy { $0 == 1 } })
  }

  @Test(arguments: seeds) func catIsTheExactWeightedSum(seed: UInt64) throws {
    let adapters = try [
      RandomAdapter.lora(seed), RandomAdapter.lora(seed + 10, rank: 5, alpha: 2),
      RandomAdapter.lora(seed + 20, rank: 2) { $0.useRSLoRA = true },
    ]
    let weights = [0.6, -0.3, 1.2], composition = try compose(.cat, adapters, weights)
    let updates = try adapters.map { try $0.updates() }
    for (site, update) in try composition.result.updates().enumerated() {
      #expect(distance(update, updates.map { $0[site] }.sum(weights)) < Self.tolerance)
    }
    #expect(composition.maps.allSatisfy { $0.ranks == [3, 5, 2] && $0.resultRank == 10 })
    #expect(try #require(composition.relativeError).largest < 1e-6)
  }

  @Test(arguments: seeds) func additionWithOneAIsExact(seed: UInt64) throws {
    let adapters = try (0..<3).map { try RandomAdapter.lora(seed + 10 * $0, seedOfA: seed, alpha: 6) }
    let composition = try compose(.add, adapters, [0.5, 0.3, 0.2])
    #expect(try #require(composition.relativeError).largest < 1e-6)
    let other = try compose(.add, [adapters[0], RandomAdapter.lora(99)], [0.5, 0.5])
    #expect(try #require(other.relativeError).largest > 0.1)
  }

  @Test(arguments: seeds) func nothingJumpsWhereAWeightGoesToZero(seed: UInt64) throws {
    let adapters = try [RandomAdapter.lora(seed), RandomAdapter.lora(seed + 10)]
    let results = try [1e-12, 0].map { weight in
      let terms = zip(adapters, [0.8, weight]).enumerated().map { place, term in
        WeightedAdapter(name: "\(place)", adapter: term.0, weight: term.1)
      }
      return try Composition(ArithmeticRequest(.add, expression: terms)).result.updates()
    }
    for (near, at) in zip(results[0], results[1]) { #expect(distance(near, at) < Self.tolerance) }
  }

  @Test(arguments: seeds) func analogiesWithEqualLanguageModulesChangeNothing(seed: UInt64) throws {
    let vectors = try [1, 2, 2].map { try RandomAdapter.ia3(seed + 10 * $0) }
    let kept = try compose(.analogy, vectors, [1, 0.2]).result
    for (name, tensor) in vectors[0].byName {
      let other = try #require(kept.byName[name])
      #expect(zip(tensor.values, other.values).allSatisfy { abs($0 - $1) < 1e-6 })
    }
    let factors = try [1, 2, 2].map { try RandomAdapter.lora(seed + 10 * $0) }
    // B, which carries the sign, is untouched in the paper's combination; the exact sum is untouched altogether.
    let papers = try compose(.analogy, factors, [1, 0.2]).result
    for (name, tensor) in papers.byName where name.contains("lora_B") {
      #expect(zip(tensor.values, try #require(factors[0].byName[name]).values).allSatisfy { abs($0 - $1) < 1e-6 })
    }
    for operation in [ArithmeticOperator.cat, .svd] {
      let exact = try compose(operation, factors, [1, 0.2, -0.2]).result
      for (update, other) in zip(try exact.updates(), try factors[0].updates()) {
        #expect(distance(update, other) < Self.tolerance)
      }
    }
  }

  @Test(arguments: seeds) func aTruncatedSumOfFullRankIsExact(seed: UInt64) throws {
    let adapters = try [RandomAdapter.lora(seed), RandomAdapter.lora(seed + 10, rank: 2)]
    let composition = try compose(.svd, adapters, [0.6, -0.4]) { $0.rank = 5 }
    #expect(try #require(composition.relativeError).largest < 1e-6)
    #expect(abs(try #require(composition.keptEnergy).least - 1) < 1e-12)
  }

  @Test(arguments: seeds) func whatATruncatedSumLosesIsItsError(seed: UInt64) throws {
    let adapters = try [RandomAdapter.lora(seed), RandomAdapter.lora(seed + 10)]
    let composition = try compose(.svd, adapters, [0.6, 0.4]) { $0.rank = 2 }
    for map in composition.maps {
      let kept = try #require(map.keptEnergy), error = try #require(map.relativeError)
      // Eckart and Young: ‖D - D_k‖² = Σ σ² of the values left out.
      #expect(abs(error * error - (1 - kept)) < 1e-6)
      #expect(map.resultRank == 2)
    }
  }
}
