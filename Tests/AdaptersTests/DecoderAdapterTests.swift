import Adapters
import Backbones
import ModelTestSupport
import Testing

/// Adapters on the families of Llama's kind.
struct DecoderAdapterTests {
  private static let everyMap = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

  @Test(arguments: [everyMap, ["k_proj"], ["up_proj"], ["o_proj"]])
  func aLowRankUpdateOfAnyMapAgreesWithCentralDifferences(endings: [String]) throws {
    var shape = DecoderConfiguration(
      family: "llama", vocabularySize: 13, positionCount: 16, width: 10, layerCount: 2, headCount: 6, keyHeadCount: 2,
      headWidth: 4, innerWidth: 14)
    (shape.normalizesHeads, shape.normalizesOutputs, shape.hasInputBiases) = (true, true, true)
    let arrays = TestModel.arrays(shape)
    let model = try AdapterModel(lora(endings), backbone: TestModel.backbone(shape, arrays), seed: 3)
    #expect(model.parameters.entries.count == 2 * 2 * endings.count)
    model.scatterValues()
    var reference = ReferenceDecoder(shape, arrays)
    model.addValues(to: &reference)
    reference.adapter = loraRule(scale: { _ in 5.0 / 3 })
    let disagreements = slopeDisagreements(model, reference, TestSequence.ragged())
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test func pathsAreHuggingFaces() {
    let shape = DecoderConfiguration(
      family: "llama", vocabularySize: 13, positionCount: 16, width: 10, layerCount: 1, headCount: 2, keyHeadCount: 1,
      headWidth: 4, innerWidth: 14)
    let attention = ["q_proj", "k_proj", "v_proj", "o_proj"].map { "model.layers.0.self_attn.\($0)" }
    let feedForward = ["gate_proj", "up_proj", "down_proj"].map { "model.layers.0.mlp.\($0)" }
    #expect(TestModel.random(shape).linears.map(\.path) == attention + feedForward)
  }

  @Test(arguments: [
    ("llama", "k_proj"), ("mistral", "k_proj"), ("qwen2", "q_proj"), ("qwen3", "q_proj"), ("gemma", "q_proj"),
    ("gemma2", "q_proj"),
  ])
  func missingTargetsArePEFTs(family: String, first: String) {
    #expect(
      AdapterConfiguration(peftType: .lora).withDefaults(family: family).targetModules
        == .endings(["q_proj", "v_proj"]))
    let ia3 = AdapterConfiguration(peftType: .ia3).withDefaults(family: family)
    #expect(ia3.targetModules == .endings([first, "v_proj", "down_proj"]))
    #expect(ia3.feedforwardModules == .endings(["down_proj"]))
  }
}
