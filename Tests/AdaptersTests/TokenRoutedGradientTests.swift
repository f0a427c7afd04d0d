import Adapters
import ModelTestSupport
import Tensors
import Testing

/// Methods routed by token against central differences of their rules.
struct TokenRoutedGradientTests {
  private func expectAgreement(
    _ configuration: AdapterConfiguration, _ key: RandomKey, _ rule: (@escaping Mask) -> ReferenceGPT2.Rule
  ) throws {
    let rate = Float(configuration.loraDropout)
    let mask = rate > 0 ? dropoutMask(rate: rate, key, severalTasks) : everything
    let pair = try AdaptedPair(configuration, rule: rule(mask))
    let isWide = configuration.targetModules == .endings(everyMap)
    let disagreements = slopeDisagreements(
      pair.model, pair.reference, severalTasks, randomKey: key, sampleCount: isWide ? 2 : 7)
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test(arguments: TaskRoutedGradientTests.targets, [0, 0.4])
  func moLoRA(endings: [String], dropout: Double) throws {
    try expectAgreement(adapter(.moLoRA, endings) { $0.loraDropout = dropout }, RandomKey(seed: 12)) {
      moLoRARule(expertCount: 3, scale: 2.5, mask: $0)
    }
  }

  @Test(arguments: TaskRoutedGradientTests.targets, [0, 0.4])
  func moLoRASD(endings: [String], dropout: Double) throws {
    try expectAgreement(adapter(.moLoRASD, endings) { $0.loraDropout = dropout }, RandomKey(seed: 13)) {
      moLoRARule(expertCount: 3, scale: 2.5, sharesDown: true, mask: $0)
    }
  }

  @Test(
    arguments: TaskRoutedGradientTests.targets, [(2, 1, 0), (4, 1, 0), (4, 2, 0), (4, 1, 0.4), (4, 2, 0.4)])
  func moDE(endings: [String], shape: (rank: Int, block: Int, dropout: Double)) throws {
    let configuration = adapter(.moDE, endings) {
      ($0.adapterRank, $0.routerBlock, $0.loraDropout) = shape
    }
    try expectAgreement(configuration, RandomKey(seed: 14)) {
      moDERule(expertCount: 3, rank: shape.rank, block: shape.block, scale: 5 / Double(shape.rank), mask: $0)
    }
  }
}
