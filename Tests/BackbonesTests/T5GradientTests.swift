import Adapters
import Backbones
import ModelTestSupport
import Testing

/// What T5's config.json may ask for, on shapes whose axes all differ.
enum T5Variation: CaseIterable {
  case relu, gelu, gated, untied, unscaled, oneLayer, oneHead, deepEncoder, fewBuckets, otherSpecialTokens

  var configuration: T5Configuration {
    var shape = T5Configuration()
    (shape.vocabularySize, shape.width, shape.headCount, shape.headWidth, shape.innerWidth) = (13, 10, 2, 3, 14)
    (shape.encoderLayerCount, shape.decoderLayerCount) = (2, 2)
    // Distances of a few tokens reach the logarithmic buckets.
    (shape.bucketCount, shape.maximumDistance) = (8, 6)
    switch self {
    case .relu: break
    case .gelu: shape.feedForward = .gelu
    case .gated: shape.feedForward = .gatedGELU
    case .untied: (shape.tiesEmbeddings, shape.scalesOutputs) = (false, false)
    case .unscaled: shape.scalesOutputs = false
    case .oneLayer: (shape.encoderLayerCount, shape.decoderLayerCount) = (1, 1)
    case .oneHead: shape.headCount = 1
    case .deepEncoder: (shape.encoderLayerCount, shape.decoderLayerCount) = (3, 1)
    case .fewBuckets: (shape.bucketCount, shape.maximumDistance) = (4, 3)
    case .otherSpecialTokens: shape.decoderTokens = DecoderTokens(start: 2, padding: 5)
    }
    return shape
  }
}

/// Every parameter of the model, biases by distance among them, against central differences in double precision.
@Test(arguments: T5Variation.allCases) func t5sBackwardAgreesWithCentralDifferences(variation: T5Variation) throws {
  let configuration = variation.configuration, arrays = TestModel.arrays(configuration)
  let model = try AdapterModel(
    AdapterConfiguration(peftType: .full), backbone: TestModel.backbone(configuration, arrays), seed: 0)
  #expect(model.parameters.entries.map(\.name) == configuration.parameterShapes.map(\.name))
  let disagreements = slopeDisagreements(model, ReferenceT5(configuration, arrays), TestSequence.pairs())
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}

/// Where only a part trains, gradients stop as early as they may, and no earlier.
@Test(arguments: [
  "encoder.block.0.layer.0.layer_norm", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
  "encoder.block.1.layer.1.DenseReluDense", "encoder.final_layer_norm", "decoder.block.0.layer.0.SelfAttention.k",
  "decoder.block.0.layer.0.SelfAttention.relative_attention_bias", "decoder.block.0.layer.1.EncDecAttention.v",
  "decoder.block.1.layer.1.layer_norm", "decoder.block.1.layer.2.DenseReluDense", "decoder.final_layer_norm",
  "lm_head", "shared",
])
func aPartOfT5TrainsAloneAsInTheWhole(module: String) throws {
  let configuration = T5Variation.untied.configuration, arrays = TestModel.arrays(configuration)
  var adapter = AdapterConfiguration(peftType: .lora)
  adapter.targetModules = .endings(["decoder.block.1.layer.2.DenseReluDense.wo"])
  adapter.modulesToSave = [module]
  let model = try AdapterModel(adapter, backbone: TestModel.backbone(configuration, arrays), seed: 0)
  // A fresh adapter adds nothing, and neither does its rule.
  var reference = ReferenceT5(configuration, arrays)
  reference.adapter = { call, values in
    guard let a = values["base_model.model.\(call.path).lora_A.weight"] else { return call.base(call.x) }
    let b = values["base_model.model.\(call.path).lora_B.weight"]!, scale = adapter.loraAlpha / 8
    let z = (0..<8).map { row in call.x.indices.reduce(0) { $0 + a[row * call.x.count + $1] * call.x[$1] } }
    return call.base(call.x).enumerated().map { output, value in
      value + scale * (0..<8).reduce(0) { $0 + b[output * 8 + $1] * z[$1] }
    }
  }
  model.addValues(to: &reference)
  let disagreements = slopeDisagreements(model, reference, TestSequence.pairs())
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}

@Test func eachVariationChangesT5() {
  let alike: [T5Variation] = [.oneLayer, .deepEncoder, .oneHead]  // other arrays, so another loss for certain
  let losses = T5Variation.allCases.filter { !alike.contains($0) }.map {
    ReferenceT5($0.configuration, TestModel.arrays($0.configuration)).loss(TestSequence.pairs())
  }
  #expect(Set(losses).count == losses.count)
}
