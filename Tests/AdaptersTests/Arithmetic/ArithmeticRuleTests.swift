import Tensors
import Testing

@testable import Adapters

/// What single operators do beside the laws.
struct ArithmeticRuleTests {
  private func row(_ values: [Double]) -> DoubleMatrix { DoubleMatrix(rows: 1, columns: values.count, values: values) }

  @Test func theLargestEntriesStayAndOfEqualOnesTheFirst() {
    let pruning = Pruning(choice: .largest, density: 0.5)
    #expect(pruning.apply(to: row([1, -3, 2, -2, 0.5]), adapter: 0, name: "").values == [0, -3, 2, 0, 0])
    #expect(Pruning(choice: .largest, density: 1).apply(to: row([1, 2]), adapter: 0, name: "").values == [1, 2])
  }

  @Test func lotsKeepTheirShareAndItsMean() {
    let ones = row([Double](repeating: 1, count: 20_000))
    func drawn(_ seed: UInt64, _ adapter: Int) -> [Double] {
      Pruning(choice: .lots(RandomKey(seed: seed)), density: 0.3).apply(to: ones, adapter: adapter, name: "a").values
    }
    let values = drawn(1, 0), kept = values.filter { $0 != 0 }
    #expect(kept.allSatisfy { $0 == 1 / 0.3 })
    // Five standard deviations of a binomial count.
    let deviation = (20_000 * 0.3 * 0.7).squareRoot()
    #expect(abs(Double(kept.count) - 6000) < 5 * deviation)
    #expect(values == drawn(1, 0))
    #expect(values != drawn(1, 1) && values != drawn(2, 0))
  }

  @Test func theElectedSignDecidesWhoIsAveraged() {
    let tensors = [row([3, 1, -1, 0]), row([-2, -1, -1, 0]), row([-2, 0.5, 0, -4])]
    let weights = [1, 0.5, 2]
    let total = SignElection(majority: .total, ignoresSignsOfWeights: true).mean(tensors, weights)
    // Sums -1, 0.5, -2, -4; in the first entry (0.5 · -2 + 2 · -2) / 2.
    #expect(total.values == [-2.5, 1, -0.75, -8])
    let frequency = SignElection(majority: .frequency, ignoresSignsOfWeights: true).mean(tensors, weights)
    #expect(frequency.values == total.values)
    let two = [row([5, 0]), row([-1, 0]), row([-1, 0])]
    #expect(SignElection(majority: .total, ignoresSignsOfWeights: true).mean(two, [1, 1, 1]).values == [5, 0])
    #expect(SignElection(majority: .frequency, ignoresSignsOfWeights: true).mean(two, [1, 1, 1]).values == [-1, 0])
  }

  @Test func anAdapterWithANegativeWeightVotesAsItsNegative() {
    let tensors = [row([2]), row([3])]
    #expect(SignElection(majority: .total, ignoresSignsOfWeights: false).mean(tensors, [1, -1]).values == [-3])
    #expect(SignElection(majority: .total, ignoresSignsOfWeights: true).mean(tensors, [1, -1]).values == [-0.5])
  }

  @Test func theOwnTermsOfALinearSumAreExact() throws {
    let adapter = try RandomAdapter.lora(1, alpha: 6), zero = try compose(.negate, [RandomAdapter.lora(2)], [0]).result
    var silent = zero.tensors
    for index in silent.indices {
      silent[index] = SavedTensor(
        name: silent[index].name, shape: silent[index].shape, values: silent[index].values.map { _ in 0 })
    }
    let other = try SavedAdapter(zero.configuration, storesInputsFirst: false, tensors: silent, file: "zero")
    let result = try compose(.linear, [adapter, other], [-0.7, 1]).result
    for (update, exact) in zip(try result.updates(), try adapter.updates()) {
      #expect(distance(update, exact.scaled(by: -0.7)) < 1e-5)
    }
    #expect(result.configuration.loraAlpha == 3 && result.configuration.adapterRank == 3)
  }

  @Test func scalesThatDifferAreMovedIntoB() throws {
    let adapters = try [RandomAdapter.lora(1, alpha: 6), RandomAdapter.lora(2, seedOfA: 1, alpha: 1.5)]
    let composition = try compose(.add, adapters, [0.5, 0.5])
    #expect(try #require(composition.relativeError).largest < 1e-6)
    #expect(composition.result.configuration.loraAlpha == 6)
  }

  @Test func dareAddsWhatItsDropLeavesAsLinearAndTiesDo() throws {
    let adapters = try [RandomAdapter.lora(1, alpha: 6), RandomAdapter.lora(2), RandomAdapter.lora(3)]
    let weights = [0.6, -0.4, 0.3],
      pairs = [
        (ArithmeticOperator.dareLinear, nil),
        (
          .dareTies,
          SignElection(
            majority: .total, ignoresSignsOfWeights: false)
        ),
      ]
    for (operation, election) in pairs {
      for density in [1, 0.6] {
        let result = try compose(operation, adapters, weights) { ($0.density, $0.seed) = (density, 5) }.result
        let pruning = Pruning(choice: .lots(RandomKey(seed: 5).child("dare")), density: density)
        for (name, tensor) in result.byName {
          let factors = try zip(adapters, weights).enumerated().map { place, term in
            let found = try #require(term.0.byName[name])
            let matrix = DoubleMatrix(rows: found.shape[0], columns: found.shape[1], values: found.values)
            return pruning.apply(to: matrix, adapter: place, name: name)
          }
          // w s of the three: alpha / r is 2, 1 and 1; the sign is on A.
          let roots = [1.2, 0.4, 0.3].map { $0.squareRoot() }
          let signed = name.contains("lora_A") ? [roots[0], -roots[1], roots[2]] : roots
          let expected = election?.mean(factors, signed) ?? factors.sum(signed)
          #expect(zip(tensor.values, expected.values).allSatisfy { abs(Double($0) - $1) < 1e-6 }, "\(name)")
        }
      }
    }
    let plain = try compose(.linear, adapters, weights).result.byName
    #expect(try compose(.dareLinear, adapters, weights) { $0.density = 1 }.result.byName == plain)
    let elected = try compose(.ties, adapters, weights) { $0.density = 1 }.result.byName
    #expect(try compose(.dareTies, adapters, weights) { $0.density = 1 }.result.byName == elected)
    #expect(elected != plain)
  }

  @Test(arguments: [false, true]) func theTruncatedSumAppliesScalesOnce(isPEFT: Bool) throws {
    let adapters = try [RandomAdapter.lora(1, alpha: 6), RandomAdapter.lora(2, alpha: 3)]
    let updates = try adapters.map { try $0.updates() }
    let result = try compose(.svd, adapters, [0.5, 0.5]) { ($0.rank, $0.isPEFTCompatible) = (6, isPEFT) }.result
    for (site, update) in try result.updates().enumerated() {
      #expect(distance(update, updates.map { $0[site] }.sum([0.5, 0.5])) < 1e-5)
    }
  }

  @Test func peftAddsVectorsThemselves() throws {
    let adapters = try [RandomAdapter.ia3(1), RandomAdapter.ia3(2)]
    let name = adapters[0].tensors[0].name
    let values = try adapters.map { try #require($0.byName[name]).values[0] }
    func first(_ isPEFT: Bool) throws -> (value: Float, error: Double) {
      let composition = try compose(.linear, adapters, [0.5, 1]) { $0.isPEFTCompatible = isPEFT }
      return (
        try #require(composition.result.byName[name]).values[0], try #require(composition.relativeError).largest
      )
    }
    let half: Float = 0.5 * values[0] + values[1]
    #expect(abs(try first(true).value - half) < 1e-6)
    #expect(try first(true).error > 0.01)
    // 1 + 0.5 (l₁ - 1) + (l₂ - 1)
    #expect(abs(try first(false).value - (half - 0.5)) < 1e-6)
    #expect(try first(false).error < 1e-6)
  }

  @Test func ranksOfSingleMapsAreWrittenAsPatterns() throws {
    // At most five outputs at the first map, six inputs at the second.
    let adapters = try [RandomAdapter.lora(1), RandomAdapter.lora(2, rank: 4)]
    let result = try compose(.svd, adapters, [1, 1]) { $0.rank = 6 }
    #expect(result.maps.map(\.resultRank) == [5, 6])
    let configuration = result.result.configuration
    #expect(configuration.adapterRank == 6 && configuration.loraAlpha == 6)
    #expect(configuration.rankPattern == [.init(pattern: #"model\.layers\.0\.q_proj"#, value: 5)])
    #expect(configuration.alphaPattern == [.init(pattern: #"model\.layers\.0\.q_proj"#, value: 5)])
    #expect(try #require(result.relativeError).largest < 1e-6)
  }

  @Test func mixturesOfOneShapeAreAddedElementByElement() throws {
    let adapters = try [RandomAdapter.moLoRA(1), RandomAdapter.moLoRA(2)]
    let composition = try compose(.add, adapters, [0.25, 0.75])
    for (name, tensor) in composition.result.byName {
      let parts = try adapters.map { try #require($0.byName[name]).values }
      let expected = zip(parts[0], parts[1]).map { 0.25 * $0 + 0.75 * $1 }
      #expect(zip(tensor.values, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    }
    #expect(composition.relativeError == nil)
  }
}
