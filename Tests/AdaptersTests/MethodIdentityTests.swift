import Adapters
import ModelTestSupport
import Tensors
import Testing

/// What methods are of each other: random adapters under two names, with the values copied, give the same logits and
/// gradients.
///
/// Where the same products run the bits are the same; where other shapes of product round differently, single
/// precision's 6e-8 grows to about 1e-6 through the model: the tolerance is 1e-5.
struct MethodIdentityTests {
  private static let maps = (0..<2).flatMap { layer in everyMap.map { "h.\(layer).\($0)" } }

  /// Two adapters on all maps, their numbers random but for a map's that `copy` sets from the first to the second.
  private func models(
    _ first: AdapterConfiguration, _ second: AdapterConfiguration, _ sequences: [TestSequence] = severalTasks,
    copy: (_ from: AdapterModel, _ to: AdapterModel, _ map: String) -> Void
  ) throws -> (AdapterModel, AdapterModel) {
    let first = try AdapterModel(small: first), second = try AdapterModel(small: second)
    first.scatterValues(seed: 5)
    second.scatterValues(seed: 6)
    for map in Self.maps { copy(first, second, map) }
    first.differentiate(sequences)
    second.differentiate(sequences)
    return (first, second)
  }

  private func expectSameLogits(_ first: AdapterModel, _ second: AdapterModel, _ tolerance: Double = 1e-5) {
    let bare = AdapterModel(bare: TestModel.random()).logits(severalTasks)
    #expect(relativeDistance(first.logits(severalTasks), bare) > 0.01)
    #expect(relativeDistance(second.logits(severalTasks), first.logits(severalTasks)) <= tolerance)
  }

  private func expectSameGradients(
    _ first: AdapterModel, _ firstSuffix: String, _ second: AdapterModel, _ secondSuffix: String,
    _ tolerance: Double = 1e-5
  ) {
    for map in Self.maps {
      let expected = first.gradient(map, firstSuffix)
      #expect(expected.contains { $0 != 0 }, "\(map).\(firstSuffix)")
      let distance = relativeDistance(second.gradient(map, secondSuffix), expected)
      #expect(distance <= tolerance, "\(map).\(secondSuffix)")
    }
  }

  private func copyAll(_ from: UnsafeMutableBufferPointer<Float>, _ to: UnsafeMutableBufferPointer<Float>) {
    precondition(from.count == to.count)
    _ = to.update(from: from)
  }

  // MARK: One expert, one task, one skill

  /// A lone LoRA with the sizes of ``adapter(_:_:_:)``.
  private let plain = lora(everyMap) { ($0.adapterRank, $0.loraAlpha) = (2, 5) }

  @Test(arguments: [PEFTType.moLoRA, .moLoRASD, .moDE]) func oneExpertIsLoRA(type: PEFTType) throws {
    let (single, mixture) = try models(plain, adapter(type, everyMap) { $0.expertCount = 1 }) { from, to, map in
      copyAll(from.values(map, "lora_A.weight"), to.values(map, "lora_A"))
      copyAll(from.values(map, "lora_B.weight"), to.values(map, "lora_B"))
    }
    expectSameLogits(single, mixture)
    expectSameGradients(single, "lora_A.weight", mixture, "lora_A")
    expectSameGradients(single, "lora_B.weight", mixture, "lora_B")
    #expect(Self.maps.allSatisfy { mixture.gradient($0, "router").allSatisfy { $0 == 0 } })
  }

  @Test func oneTaskOfTaskLoRAIsLoRA() throws {
    let sequences = TestSequence.ragged().map { TestSequence(tokens: $0.tokens, labels: $0.labels) }
    let oneTask = adapter(.taskLoRA, everyMap) { $0.taskCount = 1 }
    let (single, tasks) = try models(plain, oneTask, sequences) { from, to, map in
      copyAll(from.values(map, "lora_A.weight"), to.values(map, "lora_A"))
      copyAll(from.values(map, "lora_B.weight"), to.values(map, "lora_B"))
    }
    #expect(relativeDistance(tasks.logits(sequences), single.logits(sequences)) < 1e-5)
    expectSameGradients(single, "lora_A.weight", tasks, "lora_A")
    expectSameGradients(single, "lora_B.weight", tasks, "lora_B")
  }

  /// PEFT stores Poly's factors the other way round, and has no α: s = 1 / r.
  @Test func oneSkillOfPolyIsLoRAAtAlphaOne() throws {
    let alphaOne = lora(everyMap) { ($0.adapterRank, $0.loraAlpha) = (2, 1) }
    let (single, poly) = try models(alphaOne, adapter(.poly, everyMap) { $0.skillCount = 1 }) { from, to, map in
      for (suffix, other) in [("lora_A.weight", "poly_lora_A"), ("lora_B.weight", "poly_lora_B")] {
        let source = Array(from.values(map, suffix)), rows = suffix == "lora_A.weight" ? 2 : source.count / 2
        _ = to.values(map, other).update(from: transposed(source, rows: rows))
      }
    }
    expectSameLogits(single, poly)
    for map in Self.maps {
      let a = transposed(single.gradient(map, "lora_A.weight"), rows: 2)
      let b = single.gradient(map, "lora_B.weight")
      #expect(relativeDistance(poly.gradient(map, "poly_lora_A"), a) < 1e-5)
      #expect(relativeDistance(poly.gradient(map, "poly_lora_B"), transposed(b, rows: b.count / 2)) < 1e-5)
      // A weight of z / (z + 1e-12) hardly moves.
      #expect(poly.gradient(map, "poly_router.module_logits").allSatisfy { abs($0) < 1e-9 })
    }
  }

  private func transposed(_ values: [Float], rows: Int) -> [Float] {
    let columns = values.count / rows
    return (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
  }

  @Test func oneCommonSkillOfCPolyNormalisedIsLoRA() throws {
    let common = adapter(.cPoly, everyMap) { ($0.commonSkillCount, $0.taskSkillCount) = (1, 0) }
    let (single, skills) = try models(plain, common) { from, to, map in
      copyAll(from.values(map, "lora_A.weight"), to.values(map, "lora_A"))
      copyAll(from.values(map, "lora_B.weight"), to.values(map, "lora_B"))
    }
    expectSameLogits(single, skills)
    expectSameGradients(single, "lora_A.weight", skills, "lora_A")
    expectSameGradients(single, "lora_B.weight", skills, "lora_B")
  }

  // MARK: Special cases, bit for bit

  private func copyLoRA(_ from: AdapterModel, _ to: AdapterModel, _ map: String) {
    for suffix in ["lora_A", "lora_B"] { copyAll(from.values(map, suffix), to.values(map, suffix)) }
  }

  @Test(arguments: [1, 3, 4]) func moDEWithOneRouterIsMoLoRASDBitForBit(rank: Int) throws {
    let wide = adapter(.moDE, everyMap) { ($0.adapterRank, $0.routerBlock) = (rank, rank) }
    let shared = adapter(.moLoRASD, everyMap) { $0.adapterRank = rank }
    let (mode, mixture) = try models(wide, shared) { from, to, map in
      copyLoRA(from, to, map)
      copyAll(from.values(map, "router"), to.values(map, "router"))
    }
    expectSameLogits(mode, mixture, 0)
    for suffix in ["lora_A", "lora_B", "router"] { expectSameGradients(mode, suffix, mixture, suffix, 0) }
    let starts = try [wide, shared].map { try AdapterModel(small: $0, seed: 9).numbers() }
    #expect(starts[0] == starts[1])
  }

  @Test func cPolyWithOneOwnSkillAloneIsTaskLoRABitForBit() throws {
    let own = adapter(.cPoly, everyMap) { ($0.commonSkillCount, $0.taskSkillCount) = (0, 1) }
    let (tasks, skills) = try models(adapter(.taskLoRA, everyMap), own) { from, to, map in
      copyLoRA(from, to, map)
      to.values(map, "router_specific").update(repeating: 1)
    }
    expectSameLogits(tasks, skills, 0)
    for suffix in ["lora_A", "lora_B"] { expectSameGradients(tasks, suffix, skills, suffix, 0) }
    let starts = try [adapter(.taskLoRA, everyMap), own].map { try AdapterModel(small: $0, seed: 9) }
    for map in Self.maps {
      #expect(Array(starts[0].values(map, "lora_A")) == Array(starts[1].values(map, "lora_A")))
      #expect(starts[1].values(map, "router_specific").allSatisfy { $0 == 1 })
    }
  }

  /// MHR whose splits route alike, its blocks cut from Poly's factors; with one split the blocks are the factors.
  @Test(arguments: [1, 2, 4]) func mhrWhoseSplitsRouteAlikeIsPoly(splits: Int) throws {
    let (whole, split) = try models(
      adapter(.poly, everyMap) { $0.routerNoise = .off },
      adapter(.poly, everyMap) { ($0.splitCount, $0.routerNoise) = (splits, .off) }
    ) { from, to, map in
      let logits = Array(from.values(map, "poly_router.module_logits"))  // (tasks, skills)
      for task in 0..<4 {
        for index in 0..<splits * 3 {
          to.values(map, "poly_router.module_logits")[task * splits * 3 + index] = logits[task * 3 + index % 3]
        }
      }
      // A: (skills, splits, inputs / splits · r); B: (skills, r, splits, outputs / splits).
      let a = Array(from.values(map, "poly_lora_A")), b = Array(from.values(map, "poly_lora_B"))
      let aCount = a.count / 3 / splits, width = b.count / 3 / 2 / splits
      for block in 0..<splits * 3 {
        let (q, s) = (block / 3, block % 3)
        for i in 0..<aCount { to.values(map, "poly_lora_A")[block * aCount + i] = a[(s * splits + q) * aCount + i] }
        for i in 0..<2 * width {
          let place = ((s * 2 + i / width) * splits + q) * width + i % width
          to.values(map, "poly_lora_B")[block * 2 * width + i] = b[place]
        }
      }
    }
    expectSameLogits(whole, split, splits == 1 ? 0 : 1e-5)
    for map in Self.maps {
      // The splits' logits together are Poly's.
      let parts = split.gradient(map, "poly_router.module_logits")
      let sums = (0..<4 * 3).map { i in
        (0..<splits).reduce(Float(0)) { $0 + parts[(i / 3 * splits + $1) * 3 + i % 3] }
      }
      let expected = whole.gradient(map, "poly_router.module_logits")
      // Slopes of a normalised weight are differences of larger numbers, and lose a digit.
      #expect(relativeDistance(sums, expected) <= (splits == 1 ? 0 : 1e-4))
    }
  }

  // MARK: The two mixing rules

  /// C-Poly of common skills and Poly differ in what they mix: products or factors.
  private func cPolyAndPoly(sharesDown: Bool, normalizes: Bool = true) throws -> (AdapterModel, AdapterModel) {
    let skills = adapter(.cPoly, everyMap) {
      ($0.commonSkillCount, $0.taskSkillCount, $0.loraAlpha, $0.normalizesRouter) = (3, 0, 1, normalizes)
    }
    return try models(skills, adapter(.poly, everyMap)) { from, to, map in
      let a = from.values(map, "lora_A"), b = Array(from.values(map, "lora_B"))
      let (aCount, bCount) = (a.count / 3, b.count / 3)
      if sharesDown { for i in a.indices { a[i] = a[i % aCount] } }
      for skill in 0..<3 {
        let turned =
          transposed(Array(a[skill * aCount..<(skill + 1) * aCount]), rows: 2)
          + transposed(Array(b[skill * bCount..<(skill + 1) * bCount]), rows: bCount / 2)
        for i in 0..<aCount { to.values(map, "poly_lora_A")[skill * aCount + i] = turned[i] }
        for i in 0..<bCount { to.values(map, "poly_lora_B")[skill * bCount + i] = turned[aCount + i] }
      }
      copyAll(from.values(map, "router_common"), to.values(map, "poly_router.module_logits"))
    }
  }

  /// With one A for all skills Σ w (x A) B = (x A) Σ w B, in training too, for both draw the same noise.
  @Test func theMixingRulesAgreeWhereAFactorIsSharedAndWeightsSumToOne() throws {
    let (products, factors) = try cPolyAndPoly(sharesDown: true)
    expectSameLogits(products, factors)
    for map in Self.maps {
      let b = products.gradient(map, "lora_B"), count = b.count / 3
      let turned = (0..<3).flatMap { transposed(Array(b[$0 * count..<($0 + 1) * count]), rows: count / 2) }
      #expect(relativeDistance(factors.gradient(map, "poly_lora_B"), turned) < 1e-5)
      // The sum over shared A's: Poly splits it by weight, C-Poly by what each skill's B says.
      let (one, other) = (products.gradient(map, "lora_A"), factors.gradient(map, "poly_lora_A"))
      let size = one.count / 3
      func sum(_ parts: [Float]) -> [Float] { (0..<size).map { parts[$0] + parts[size + $0] + parts[2 * size + $0] } }
      #expect(relativeDistance(sum(other), transposed(sum(one), rows: 2)) < 1e-5)
    }
  }

  @Test func theMixingRulesPartOtherwise() throws {
    for (sharesDown, normalizes) in [(false, true), (true, false)] {
      let (products, factors) = try cPolyAndPoly(sharesDown: sharesDown, normalizes: normalizes)
      #expect(relativeDistance(factors.logits(severalTasks), products.logits(severalTasks)) > 0.01)
    }
  }
}
