import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing

/// Adapters on both sides of an encoder-decoder model.
struct T5AdapterTests {
  private static let everyMap = ["q", "k", "v", "o", "wi_0", "wi_1", "wo"]

  private static var shape: T5Configuration {
    var shape = T5Configuration()
    (shape.vocabularySize, shape.width, shape.headCount, shape.headWidth, shape.innerWidth) = (13, 10, 2, 4, 14)
    (shape.encoderLayerCount, shape.decoderLayerCount, shape.feedForward) = (2, 2, .gatedGELU)
    (shape.bucketCount, shape.maximumDistance) = (8, 6)
    return shape
  }

  /// Pairs of two tasks in one batch: the first and last of one, another between them.
  private static var pairs: [TestSequence] {
    zip(TestSequence.pairs(), [2, 0, 2]).map { sequence, task in
      var sequence = sequence
      sequence.task = task
      return sequence
    }
  }

  @Test(arguments: [
    everyMap, ["EncDecAttention.k"], ["SelfAttention.q", "wo"], ["decoder.block.1.layer.0.SelfAttention.v"],
  ])
  func aLowRankUpdateOfAnyMapAgreesWithCentralDifferences(endings: [String]) throws {
    let arrays = TestModel.arrays(Self.shape)
    let model = try AdapterModel(lora(endings), backbone: TestModel.backbone(Self.shape, arrays), seed: 3)
    model.scatterValues()
    var reference = ReferenceT5(Self.shape, arrays)
    model.addValues(to: &reference)
    reference.adapter = loraRule(scale: { _ in 5.0 / 3 })
    let disagreements = slopeDisagreements(model, reference, Self.pairs)
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  /// Every map sees the rows, tasks and running numbers of its own stream: with dropout and routing noise, which are
  /// keyed by these, a batch is still the sum of its sequences.
  @Test(arguments: [
    lora(everyMap) { $0.loraDropout = 0.3 }, lora(everyMap) { $0.useDoRA = true }, ia3(everyMap, feedforward: ["wo"]),
    adapter(.taskLoRA, everyMap), adapter(.moLoRA, everyMap) { $0.loraDropout = 0.3 }, adapter(.moLoRASD, everyMap),
    adapter(.moDE, everyMap), adapter(.poly, everyMap), adapter(.poly, everyMap) { $0.splitCount = 2 },
    adapter(.cPoly, everyMap),
  ])
  func aBatchIsTheSumOfItsSequencesAlone(configuration: AdapterConfiguration) throws {
    let model = try AdapterModel(configuration, backbone: TestModel.random(Self.shape), seed: 1)
    model.scatterValues()
    let alone = Self.pairs.map { [$0] }
    // Products of other heights round differently: single precision's 6e-8 grows to about 1e-6 through the model.
    #expect(relativeDistance(alone.flatMap(model.logits), model.logits(Self.pairs)) < 2e-5)
    var sum = [Float](repeating: 0, count: model.parameters.count)
    for sequences in alone {
      for (index, slope) in model.differentiate(sequences).enumerated() { sum[index] += slope }
    }
    // T5's unscaled scores sharpen roundings about ten times.
    #expect(relativeDistance(sum, model.differentiate(Self.pairs)) < 1e-4)
  }

  @Test func pathsAreHuggingFaces() {
    var shape = Self.shape
    (shape.encoderLayerCount, shape.decoderLayerCount) = (1, 1)
    func attention(_ path: String) -> [String] { ["q", "k", "v", "o"].map { "\(path).\($0)" } }
    func feedForward(_ path: String) -> [String] { ["wi_0", "wi_1", "wo"].map { "\(path).DenseReluDense.\($0)" } }
    #expect(
      TestModel.random(shape).linears.map(\.path)
        == attention("encoder.block.0.layer.0.SelfAttention") + feedForward("encoder.block.0.layer.1")
        + attention("decoder.block.0.layer.0.SelfAttention") + attention("decoder.block.0.layer.1.EncDecAttention")
        + feedForward("decoder.block.0.layer.2"))
  }

  @Test func missingTargetsAndTaskTypeArePEFTs() {
    let low = AdapterConfiguration(peftType: .lora).withDefaults(family: "t5")
    #expect(low.targetModules == .endings(["q", "v"]) && low.taskType == "SEQ_2_SEQ_LM")
    let ia3 = AdapterConfiguration(peftType: .ia3).withDefaults(family: "t5")
    #expect(ia3.targetModules == .endings(["k", "v", "wo"]) && ia3.feedforwardModules == .endings(["wo"]))
    #expect(AdapterConfiguration(peftType: .lora).withDefaults(family: "gpt2").taskType == "CAUSAL_LM")
    var own = AdapterConfiguration(peftType: .lora)
    own.taskType = "FEATURE_EXTRACTION"
    #expect(own.withDefaults(family: "t5").taskType == "FEATURE_EXTRACTION")
  }
}
