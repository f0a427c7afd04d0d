import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing

/// Every method on an encoder, with its tasks' own heads and all other heads in one batch.
struct EncoderAdapterTests {
  /// Methods, with dropout where they have it and noise where they are routed by task.
  enum Method: CaseIterable {
    case lora, ia3, taskLoRA, moLoRA, moLoRASD, moDE, poly, mhr, cPoly

    func configuration(_ endings: [String]) -> AdapterConfiguration {
      func with(_ type: PEFTType, _ change: (inout AdapterConfiguration) -> Void = { _ in }) -> AdapterConfiguration {
        adapter(type, endings) {
          $0.loraDropout = 0.4
          change(&$0)
        }
      }
      switch self {
      case .lora: return AdaptersTests.lora(endings) { $0.loraDropout = 0.4 }
      case .ia3: return AdaptersTests.ia3(endings, feedforward: endings.contains("dense") ? ["output.dense"] : [])
      case .taskLoRA: return with(.taskLoRA)
      case .moLoRA: return with(.moLoRA)
      case .moLoRASD: return with(.moLoRASD)
      case .moDE: return with(.moDE)
      case .poly: return adapter(.poly, endings)
      case .mhr: return adapter(.poly, endings) { $0.splitCount = 2 }
      case .cPoly: return with(.cPoly)
      }
    }

    func rule(_ configuration: AdapterConfiguration, _ key: RandomKey) -> ReferenceGPT2.Rule {
      let mask = dropoutMask(rate: 0.4, key, seenRow: EncoderTestModel.seenRow)
      switch self {
      case .lora: return loraRule(scale: { _ in 5.0 / 3 }, mask: mask)
      case .ia3:
        return { call, values in
          guard let l = values[parameterName(call.path, "ia3_l")] else { return call.base(call.x) }
          if call.path.hasSuffix("output.dense") { return call.base(zip(call.x, l).map { $0 * $1 }) }
          return zip(call.base(call.x), l).map { $0 * $1 }
        }
      case .taskLoRA: return taskLoRARule(taskCount: 4, scale: 2.5, mask: mask)
      case .moLoRA: return moLoRARule(expertCount: 3, scale: 2.5, mask: mask)
      case .moLoRASD: return moLoRARule(expertCount: 3, scale: 2.5, sharesDown: true, mask: mask)
      case .moDE: return moDERule(expertCount: 3, rank: 2, block: 1, scale: 2.5, mask: mask)
      case .poly: return polyRule(taskCount: 4, skillCount: 3, rank: 2, noise: key)
      case .mhr: return mhrRule(taskCount: 4, splits: 2, skillCount: 3, rank: 2, noise: key)
      case .cPoly: return cPolyRule(configuration, noise: key, mask: mask)
      }
    }
  }

  private func expectAgreement(
    _ kind: EncoderConfiguration.Kind, _ method: Method, _ endings: [String], mapCount: Int
  ) throws {
    let key = RandomKey(seed: 21), configuration = method.configuration(endings)
    let pair = try EncoderTestModel.pair(kind, configuration, rule: method.rule(configuration, key))
    #expect(pair.model.backbone.linears.count { $0.adapter != nil } == mapCount)
    let disagreements = slopeDisagreements(
      pair.model, pair.reference, EncoderTestModel.sequences, randomKey: key, sampleCount: 2)
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test(arguments: [EncoderConfiguration.Kind.bert, .roberta], Method.allCases)
  func onQueriesAndValues(kind: EncoderConfiguration.Kind, method: Method) throws {
    try expectAgreement(kind, method, ["query", "value"], mapCount: 4)
  }

  @Test(arguments: Method.allCases) func onEveryMapAndThePooler(method: Method) throws {
    try expectAgreement(.bert, method, EncoderTestModel.everyMap, mapCount: 13)
  }

  @Test(arguments: [
    ("pooler.dense", 1), ("layer.1.output.dense", 1), ("layer.0.attention.output.dense", 1), ("intermediate.dense", 2),
  ])
  func onOneMap(ending: String, count: Int) throws {
    try expectAgreement(.bert, .lora, [ending], mapCount: count)
  }

  /// Every map and head sees the rows, tasks and running numbers of its own sequences: with dropout and routing noise,
  /// which are keyed by these, a batch is still the sum of its sequences.
  @Test(arguments: [EncoderConfiguration.Kind.bert, .roberta], Method.allCases)
  func aBatchIsTheSumOfItsSequencesAlone(kind: EncoderConfiguration.Kind, method: Method) throws {
    let pair = try EncoderTestModel.pair(kind, method.configuration(EncoderTestModel.everyMap), rule: nil)
    try expectSum(pair.model)
  }

  @Test func aBatchIsTheSumOfItsSequencesAloneWithDoRA() throws {
    let configuration = lora(EncoderTestModel.everyMap) { ($0.useDoRA, $0.loraDropout) = (true, 0.4) }
    try expectSum(EncoderTestModel.pair(.bert, configuration, rule: nil).model)
  }

  private func expectSum(_ model: AdapterModel) throws {
    let sequences = EncoderTestModel.sequences
    var sum = [Float](repeating: 0, count: model.parameters.count)
    for sequence in sequences {
      for (index, slope) in model.differentiate([sequence]).enumerated() { sum[index] += slope }
    }
    // Products of other heights round differently: single precision's 6e-8 grows to about 1e-6 through the model.
    #expect(relativeDistance(sum, model.differentiate(sequences)) < 1e-5)
    #expect(relativeDistance(sum, model.differentiate(sequences.reversed())) < 1e-5)
    #expect(relativeDistance(sum, model.differentiate(sequences, seed: 1)) > (usesRandomness(model) ? 0.01 : -1))
  }

  private func usesRandomness(_ model: AdapterModel) -> Bool { model.configuration?.peftType != .ia3 }

  @Test func pathsAreHuggingFaces() {
    var shape = EncoderTestModel.shape(.bert)
    shape.layerCount = 1
    let block = [
      "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
      "intermediate.dense", "output.dense",
    ].map { "encoder.layer.0." + $0 }
    #expect(TestModel.random(shape).linears.map(\.path) == (block + ["pooler.dense"]).map { "bert." + $0 })
    shape = EncoderTestModel.shape(.roberta)
    shape.layerCount = 1
    #expect(TestModel.random(shape).linears.map(\.path) == block.map { "roberta." + $0 })
  }

  @Test(arguments: ["bert", "roberta"]) func missingTargetsAndTaskTypeArePEFTs(family: String) {
    let low = AdapterConfiguration(peftType: .lora).withDefaults(family: family)
    #expect(low.targetModules == .endings(["query", "value"]) && low.taskType == "SEQ_CLS")
    let ia3 = AdapterConfiguration(peftType: .ia3).withDefaults(family: family)
    #expect(ia3.targetModules == .endings(["key", "value", "output.dense"]))
    #expect(ia3.feedforwardModules == .endings(["output.dense"]))
  }
}
