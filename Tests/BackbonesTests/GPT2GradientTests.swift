import Adapters
import Backbones
import ModelTestSupport
import Testing

/// Every parameter of the model against central differences of a double-precision GPT-2.
struct GPT2GradientTests {
  /// What config.json may ask for beside the shape.
  enum Variation: CaseIterable {
    case plain, untiedHead, unscaledScores, scaledByLayer, oneLayer, oneHead

    var configuration: GPT2Configuration {
      var configuration = TestModel.smallConfiguration
      switch self {
      case .plain: break
      case .untiedHead: configuration.tiesEmbeddings = false
      case .unscaledScores: configuration.scalesScores = false
      case .scaledByLayer: configuration.scalesByLayer = true
      case .oneLayer: configuration.layerCount = 1
      case .oneHead: configuration.headCount = 1
      }
      return configuration
    }
  }

  @Test(arguments: Variation.allCases) func backwardAgreesWithCentralDifferences(variation: Variation) throws {
    let configuration = variation.configuration, arrays = TestModel.arrays(configuration)
    let model = try AdapterModel(
      AdapterConfiguration(peftType: .full), backbone: TestModel.backbone(configuration, arrays), seed: 0)
    #expect(model.parameters.entries.map(\.name) == configuration.parameterShapes.map(\.name))
    let disagreements = slopeDisagreements(model, ReferenceGPT2(configuration, arrays), TestSequence.ragged())
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test func eachVariationChangesTheModel() {
    let variations: [Variation] = [.plain, .unscaledScores, .scaledByLayer, .oneHead]
    let losses = variations.map {
      ReferenceGPT2($0.configuration, TestModel.arrays($0.configuration)).loss(TestSequence.ragged())
    }
    #expect(Set(losses).count == variations.count)
  }
}
