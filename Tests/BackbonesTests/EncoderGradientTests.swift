import Adapters
import Backbones
import ModelTestSupport
import Testing

/// What an encoder's config.json may ask for, and the heads its folder may have, on shapes whose axes all differ.
enum EncoderVariation: CaseIterable {
  case bert, relu, tanhGELU, oneSegment, oneLayer, oneHead, largeEpsilon, number, masked, maskedUntied, everyHead
  case roberta, robertaNumber, robertaMasked, robertaUntied, robertaEveryHead, otherPadding

  var configuration: EncoderConfiguration {
    let isRoberta = "\(self)".hasPrefix("roberta") || self == .otherPadding
    var shape = EncoderConfiguration(isRoberta ? .roberta : .bert)
    (shape.vocabularySize, shape.placeCount, shape.width) = (13, 11, 8)
    (shape.layerCount, shape.headCount, shape.innerWidth) = (2, 2, 14)
    (shape.tokenTypeCount, shape.classCount) = (isRoberta ? 1 : 2, 3)
    shape.hasPooler = !isRoberta
    switch self {
    case .bert, .roberta: break
    case .relu: shape.activation = .relu
    case .tanhGELU: shape.activation = .geluTanh
    case .oneSegment: shape.tokenTypeCount = 1
    case .oneLayer: shape.layerCount = 1
    case .oneHead: shape.headCount = 1
    case .largeEpsilon: shape.epsilon = 0.3
    case .number, .robertaNumber: shape.classCount = 1
    case .masked, .robertaMasked: (shape.classCount, shape.hasTokenHead) = (nil, true)
    case .maskedUntied, .robertaUntied:
      (shape.classCount, shape.hasTokenHead, shape.tiesEmbeddings) = (nil, true, false)
    case .everyHead, .robertaEveryHead: shape.hasTokenHead = true
    case .otherPadding: shape.paddingId = 3
    }
    return shape
  }

  /// Sequences with the labels that its heads read; with several heads, one after the other in turn.
  var sequences: [TestSequence] {
    let segments = configuration.tokenTypeCount
    let classified = TestSequence.classified(
      areNumbers: configuration.classCount == 1, segmentCount: segments)
    guard configuration.hasTokenHead else { return classified }
    let masked = TestSequence.masked(segmentCount: segments)
    guard configuration.classCount != nil else { return masked }
    return [classified[0], masked[1], classified[1], classified[2], masked[0]]
  }
}

/// Every parameter of the model against central differences in double precision, the heads' among them.
@Test(arguments: EncoderVariation.allCases)
func anEncodersBackwardAgreesWithCentralDifferences(variation: EncoderVariation) throws {
  let configuration = variation.configuration, arrays = TestModel.arrays(configuration)
  let model = try AdapterModel(
    AdapterConfiguration(peftType: .full), backbone: TestModel.backbone(configuration, arrays), seed: 0)
  #expect(model.parameters.entries.map(\.name) == configuration.parameterShapes.map(\.name))
  let disagreements = slopeDisagreements(model, ReferenceEncoder(configuration, arrays), variation.sequences)
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}

/// A part of an encoder trained whole, beside a fresh adapter on another map.
private func expectAgreement(
  _ configuration: EncoderConfiguration, saving module: String, adapterOn map: String, _ sequences: [TestSequence]
) throws -> [String] {
  let arrays = TestModel.arrays(configuration)
  var adapter = AdapterConfiguration(peftType: .lora)
  (adapter.targetModules, adapter.modulesToSave, adapter.adapterRank) = (.endings([map]), [module], 8)
  let model = try AdapterModel(adapter, backbone: TestModel.backbone(configuration, arrays), seed: 0)
  var reference = ReferenceEncoder(configuration, arrays)
  reference.adapter = { call, values in
    guard let a = values["base_model.model.\(call.path).lora_A.weight"] else { return call.base(call.x) }
    let b = values["base_model.model.\(call.path).lora_B.weight"]!, scale = adapter.loraAlpha / 8
    let z = (0..<8).map { row in call.x.indices.reduce(0) { $0 + a[row * call.x.count + $1] * call.x[$1] } }
    return call.base(call.x).enumerated().map { output, value in
      value + scale * (0..<8).reduce(0) { $0 + b[output * 8 + $1] * z[$1] }
    }
  }
  model.addValues(to: &reference)
  let disagreements = slopeDisagreements(model, reference, sequences)
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  return model.parameters.entries.map(\.name).filter { !$0.contains("lora_") }
}

/// Where only a part trains, gradients stop as early as they may, and no earlier.
@Test(arguments: [
  "embeddings.word_embeddings", "embeddings.position_embeddings", "embeddings.token_type_embeddings",
  "embeddings.LayerNorm", "encoder.layer.0.attention.self.key", "encoder.layer.0.attention.output.LayerNorm",
  "encoder.layer.0.output.LayerNorm", "encoder.layer.1.attention.self.value",
  "encoder.layer.1.attention.output.dense", "encoder.layer.1.attention.output.LayerNorm",
  "encoder.layer.1.intermediate.dense", "encoder.layer.1.output.LayerNorm", "pooler", "classifier", "cls.predictions",
  "cls.predictions.decoder", "cls.predictions.transform.LayerNorm",
])
func aPartOfAnEncoderTrainsAloneAsInTheWhole(module: String) throws {
  var configuration = EncoderVariation.everyHead.configuration
  configuration.tiesEmbeddings = false
  let sequences = EncoderVariation.everyHead.sequences
  _ = try expectAgreement(configuration, saving: module, adapterOn: "pooler.dense", sequences)
}

/// As in PEFT, where a tied array would part into a copy that trains and one that does not.
@Test(arguments: [EncoderVariation.everyHead, .robertaEveryHead])
func aTiedProjectionAndItsEmbeddingPartWhenOneTrains(variation: EncoderVariation) throws {
  let configuration = variation.configuration, kind = configuration.kind
  let head = kind == .bert ? "cls.predictions" : "lm_head"
  let names = try expectAgreement(
    configuration, saving: head, adapterOn: "layer.1.output.dense", variation.sequences)
  #expect(names.contains("base_model.model.\(head).decoder.weight"))
  #expect(!names.contains { $0.contains("word_embeddings") })
}

@Test func eachVariationChangesAnEncoder() {
  let alike: [EncoderVariation] = [.oneLayer, .oneHead]  // other arrays or sums, so another loss for certain
  let losses = EncoderVariation.allCases.filter { !alike.contains($0) }.map {
    ReferenceEncoder($0.configuration, TestModel.arrays($0.configuration)).loss($0.sequences)
  }
  #expect(Set(losses).count == losses.count)
}
