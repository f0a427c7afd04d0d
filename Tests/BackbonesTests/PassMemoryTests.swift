import Adapters
import Backbones
import ModelTestSupport
import Tensors
import TestSupport
import Testing

/// What a pass forward and backward takes of its workspaces.
struct PassMemoryTests {
  private static var decoder: GPT2Configuration {
    var configuration = TestModel.smallConfiguration
    configuration.positionCount = 1024
    return configuration
  }

  private func byteCount(_ configuration: any BackboneConfiguration, length: Int) throws -> Int {
    let model = try AdapterModel(
      AdapterConfiguration(peftType: .full), backbone: TestModel.random(configuration), seed: 0)
    let tokens = (0..<length).map { Int32($0 % 13) }, backbone = model.backbone
    let batch = PackedBatch([TestSequence(tokens: tokens, labels: tokens)], for: backbone.architecture)
    let pass = Pass(
      batch.rows, randomKey: nil, keepsActivations: true, saved: Workspace(minimumChunk: 1),
      scratch: Workspace(minimumChunk: 1))
    let hidden = backbone.forward(batch, pass), dHidden = pass.saved.matrix(hidden.rows, hidden.columns)
    dHidden.fill(1)
    backbone.backward(dHidden, batch, pass)
    return pass.saved.byteCount + pass.scratch.byteCount
  }

  /// Scores, and T5's biases by distance in encoder and decoder, among all else: not with the length's square.
  @Test func memoryGrowsWithTheLength() throws {
    for configuration in [Self.decoder, T5Variation.relu.configuration] as [any BackboneConfiguration] {
      try withThreads(1) {
        let (short, long) = (try byteCount(configuration, length: 512), try byteCount(configuration, length: 1024))
        #expect(Double(long) <= 2.01 * Double(short), "\(configuration)")
      }
    }
  }
}
