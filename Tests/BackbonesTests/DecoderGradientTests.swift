import Adapters
import Backbones
import ModelTestSupport
import Testing

/// What the families of Llama's kind differ in, one at a time and together, on shapes whose axes all differ.
enum DecoderVariation: CaseIterable {
  case plain, oneKeyHead, everyHeadItsKeys, oneLayer, tiedHead, biases, gelu, offsetNorms, scaledEmbeddings, headNorms
  case outputNorms, cappedScores, cappedLogits, window, linearRotary, gemma2

  var configuration: DecoderConfiguration {
    var shape = DecoderConfiguration(
      family: "llama", vocabularySize: 13, positionCount: 16, width: 10, layerCount: 2, headCount: 6, keyHeadCount: 2,
      headWidth: 4, innerWidth: 14)
    switch self {
    case .plain: break
    case .oneKeyHead: (shape.headCount, shape.keyHeadCount) = (3, 1)
    case .everyHeadItsKeys: (shape.headCount, shape.keyHeadCount, shape.headWidth) = (3, 3, 6)
    case .oneLayer:
      shape.layerCount = 1
      shape.windows = [nil]
    case .tiedHead: shape.tiesEmbeddings = true
    case .biases: (shape.hasInputBiases, shape.hasOutputBias, shape.hasFeedForwardBiases) = (true, true, true)
    case .gelu: shape.activation = .geluTanh
    case .offsetNorms: shape.normOffset = 1
    case .scaledEmbeddings: shape.embeddingScale = Float(10).squareRoot()
    case .headNorms: shape.normalizesHeads = true
    case .outputNorms: shape.normalizesOutputs = true
    case .cappedScores: (shape.scoreCap, shape.scoreDivisor) = (0.7, 3)
    case .cappedLogits: shape.logitCap = 1.5
    case .window: shape.windows = [3, nil]
    case .linearRotary: shape.rotary = RotaryFrequencies(theta: 30, scaling: .linear(factor: 2))
    case .gemma2:
      (shape.normOffset, shape.normalizesOutputs, shape.activation) = (1, true, .geluTanh)
      (shape.embeddingScale, shape.tiesEmbeddings, shape.windows) = (Float(10).squareRoot(), true, [2, nil])
      (shape.scoreCap, shape.logitCap, shape.scoreDivisor) = (2, 3, 5)
    }
    return shape
  }
}

/// Every parameter of the model against central differences of the same model in double precision.
@Test(arguments: DecoderVariation.allCases)
func aDecodersBackwardAgreesWithCentralDifferences(variation: DecoderVariation) throws {
  let configuration = variation.configuration, arrays = TestModel.arrays(configuration)
  let model = try AdapterModel(
    AdapterConfiguration(peftType: .full), backbone: TestModel.backbone(configuration, arrays), seed: 0)
  #expect(model.parameters.entries.map(\.name) == configuration.parameterShapes.map(\.name))
  let reference = ReferenceDecoder(configuration, arrays)
  let disagreements = slopeDisagreements(model, reference, TestSequence.ragged(), sampleCount: 2)
  #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
}

@Test func eachVariationChangesTheDecoder() {
  // Other arrays, so another loss for certain.
  let alike: [DecoderVariation] = [.oneLayer, .oneKeyHead, .everyHeadItsKeys]
  let losses = DecoderVariation.allCases.filter { !alike.contains($0) }.map {
    ReferenceDecoder($0.configuration, TestModel.arrays($0.configuration)).loss(TestSequence.ragged())
  }
  #expect(Set(losses).count == losses.count)
}
