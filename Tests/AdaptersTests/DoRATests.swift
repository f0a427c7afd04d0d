import Adapters
import ModelTestSupport
import Tensors
import Testing

struct DoRATests {
  private func dora(_ endings: [String], _ change: (inout AdapterConfiguration) -> Void = { _ in })
    -> AdapterConfiguration
  {
    lora(endings) {
      $0.useDoRA = true
      change(&$0)
    }
  }

  /// ‖(W + s Aᵀ Bᵀ)_o‖ of each output o, W' written out a number at a time.
  private func norms(_ path: String, _ scale: Double, _ values: [String: [Double]]) -> [Double] {
    let w = values[path + ".weight"]!, site = SiteValues(path: path, values: values)
    let a = site["lora_A.weight"], b = site["lora_B.weight"], outputs = site["lora_magnitude_vector"].count
    let inputs = w.count / outputs, rank = a.count / inputs
    return (0..<outputs).map { o in
      (0..<inputs).reduce(0) { sum, i in
        let moved = w[i * outputs + o] + scale * (0..<rank).reduce(0) { $0 + a[$1 * inputs + i] * b[o * rank + $1] }
        return sum + moved * moved
      }.squareRoot()
    }
  }

  /// y = x W + b + (c - 1) ∘ (x̃ W) + c ∘ s x̃ Aᵀ Bᵀ, c = m / norm.
  ///
  /// - Parameter norms: By path, fixed, for they count as constants in the gradient.
  private func doraRule(scale: Double, norms: [String: [Double]], mask: @escaping Mask) -> ReferenceGPT2.Rule {
    rule(at: "lora_A.weight") { call, site, y in
      let x = zip(call.x, mask(call)).map { $0 * $1 }, magnitude = site["lora_magnitude_vector"]
      let dropped = call.base(x), bias = call.base(x.map { _ in 0 })
      let product = lowRank(x, site["lora_A.weight"], site["lora_B.weight"])
      for o in y.indices {
        let c = magnitude[o] / norms[call.path]![o]
        y[o] += (c - 1) * (dropped[o] - bias[o]) + c * scale * product[o]
      }
    }
  }

  private func expectAgreement(
    _ configuration: AdapterConfiguration, scale: Double, _ change: (AdapterModel) -> Void = { _ in }
  ) throws {
    let key = RandomKey(seed: 15), rate = Float(configuration.loraDropout)
    let mask = rate > 0 ? dropoutMask(rate: rate, key, severalTasks) : everything
    var pair = try AdaptedPair(configuration, rule: nil)
    change(pair.model)
    pair.model.addValues(to: &pair.reference)
    let start = pair.reference.values
    let paths = pair.model.backbone.linears.filter { $0.adapter != nil }.map(\.path)
    let fixed = Dictionary(uniqueKeysWithValues: paths.map { ($0, norms($0, scale, start)) })
    pair.reference.adapter = doraRule(scale: scale, norms: fixed, mask: mask)
    let disagreements = slopeDisagreements(
      pair.model, pair.reference, severalTasks, randomKey: key, sampleCount: 4)
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test(arguments: TaskRoutedGradientTests.targets, [0, 0.4])
  func backwardAgreesWithCentralDifferences(endings: [String], dropout: Double) throws {
    try expectAgreement(dora(endings) { $0.loraDropout = dropout }, scale: 5.0 / 3)
  }

  @Test func rsLoRAScalesItToo() throws {
    try expectAgreement(dora(["c_fc"]) { $0.useRSLoRA = true }, scale: 5 / 3.0.squareRoot())
  }

  /// The norms follow the map that trains, but have no gradient.
  @Test(arguments: [0, 0.4]) func aMapMayTrainWholeBesideIt(dropout: Double) throws {
    let configuration = dora(["c_attn", "c_fc"]) {
      ($0.modulesToSave, $0.loraDropout) = (["h.1.attn.c_attn", "h.0.mlp"], dropout)
    }
    try expectAgreement(configuration, scale: 5.0 / 3) { model in
      let name = "base_model.model.transformer.h.1.attn.c_attn.weight"
      for index in model.parameters.entry(name)!.range { model.parameters.values[index] *= 1.5 }
    }
  }

  @Test func theMagnitudeStartsAsTheNormsOfTheFrozenMap() throws {
    let model = try AdapterModel(small: dora(["c_attn"]))
    let weight = TestModel.arrays(TestModel.smallConfiguration)["transformer.h.1.attn.c_attn.weight"]!
    let magnitude = model.numbers(parameterName("transformer.h.1.attn.c_attn", "lora_magnitude_vector"))
    #expect(magnitude.count == 24)
    for (o, value) in magnitude.enumerated() {
      let square = (0..<8).reduce(0) { $0 + Double(weight[$1 * 24 + o]) * Double(weight[$1 * 24 + o]) }
      #expect(abs(Double(value) - square.squareRoot()) < 1e-6)  // single precision of numbers near 1
    }
  }

  /// m / ‖W‖ is 1 but for a rounding, which is all that the logits differ by.
  @Test func aFreshAdapterIsTheBareModelUpToRounding() throws {
    let bare = AdapterModel(bare: TestModel.random()).logits(severalTasks)
    #expect(relativeDistance(try AdapterModel(small: dora(everyMap)).logits(severalTasks), bare) < 1e-6)
  }

  /// Evaluation keeps the norms until a factor changes.
  @Test func changedFactorsAreSeenInEvaluation() throws {
    let sequences = TestSequence.ragged(), model = try AdapterModel(small: dora(["c_attn"]))
    for (suffix, factor) in [("lora_A.weight", Float(2)), ("lora_B.weight", 3)] {
      let before = model.logits(sequences)
      #expect(model.logits(sequences) == before)
      model.scatterValues(seed: 9)
      let name = parameterName("transformer.h.1.attn.c_attn", suffix)
      for index in model.parameters.values(name).indices { model.parameters.values(name)[index] *= factor }
      let fresh = try AdapterModel(small: dora(["c_attn"]))
      _ = fresh.parameters.values.update(from: model.parameters.values)
      #expect(model.logits(sequences) == fresh.logits(sequences))
      #expect(model.logits(sequences) != before)
    }
  }
}
