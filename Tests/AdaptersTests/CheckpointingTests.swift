import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing
import Training

/// What is computed again in the backward pass is what was not kept, bit for bit.
struct CheckpointingTests {
  typealias Form = EveryMethodTests.Form

  /// Small models of each kind of stack.
  enum Family: String, CaseIterable, Sendable {
    /// Norms before the parts.
    case gpt2
    /// Gated, with norms of heads, behind the parts' results, and rotary positions.
    case llama
    /// Two stacks, biases by distance.
    case t5
    /// Norms behind the sums.
    case bert

    func configuration(layerCount: Int = 3) -> any BackboneConfiguration {
      switch self {
      case .gpt2:
        var shape = TestModel.smallConfiguration
        shape.layerCount = layerCount
        return shape
      case .llama:
        var shape = DecoderConfiguration(
          family: "llama", vocabularySize: 13, positionCount: 16, width: 10, layerCount: layerCount, headCount: 6,
          keyHeadCount: 2, headWidth: 4, innerWidth: 14)
        (shape.normalizesHeads, shape.normalizesOutputs) = (true, true)
        return shape
      case .t5:
        var shape = T5Configuration()
        (shape.vocabularySize, shape.width, shape.headCount, shape.headWidth, shape.innerWidth) = (13, 10, 2, 4, 14)
        (shape.encoderLayerCount, shape.decoderLayerCount) = (layerCount, layerCount)
        (shape.bucketCount, shape.maximumDistance) = (8, 6)
        return shape
      case .bert:
        var shape = EncoderTestModel.shape(.bert)
        shape.layerCount = layerCount
        return shape
      }
    }

    var everyMap: [String] {
      switch self {
      case .gpt2: AdaptersTests.everyMap
      case .llama: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
      case .t5: ["q", "k", "v", "o", "wi", "wo"]
      case .bert: EncoderTestModel.everyMap
      }
    }

    /// Maps of which some layers have none: the last decoder layer's, the middle layer's, and so on.
    var someMaps: [[String]] {
      switch self {
      case .gpt2: [["h.1.attn.c_attn"], ["h.2.mlp.c_fc"], ["h.0.mlp.c_proj"]]
      case .llama: [["layers.1.mlp.up_proj"], ["layers.0.self_attn.k_proj", "layers.2.mlp.down_proj"]]
      case .t5: [["decoder.block.1.layer.1.EncDecAttention.v"], ["encoder.block.1.layer.0.SelfAttention.q"]]
      case .bert: [["layer.1.attention.self.query"], ["layer.0.output.dense"], ["pooler.dense"]]
      }
    }

    var sequences: [TestSequence] {
      switch self {
      case .gpt2, .llama: severalTasks
      case .t5:
        zip(TestSequence.pairs(), [2, 0, 2]).map { sequence, task in
          var sequence = sequence
          sequence.task = task
          return sequence
        }
      case .bert: EncoderTestModel.sequences
      }
    }

    func model(_ configuration: AdapterConfiguration) throws -> AdapterModel {
      let configuration = self == .bert ? EncoderTestModel.withHeads(configuration) : configuration
      let model = try AdapterModel(configuration, backbone: TestModel.random(self.configuration()), seed: 3)
      model.scatterValues()
      return model
    }
  }

  /// The loss and the gradient, of two passes with the same memory.
  private func results(
    _ model: AdapterModel, _ sequences: [TestSequence], isCheckpointed: Bool
  ) -> (loss: Double, gradient: [Float], bytes: Int) {
    let objective = Objective(model, isCheckpointed: isCheckpointed)
    let batch = PackedBatch(sequences, for: model.backbone.architecture)
    var sums = LossSums(accountCount: 4)
    model.parameters.zeroGradients()
    for seed: UInt64 in 1...2 { objective.addGradient(of: batch, randomKey: RandomKey(seed: seed), to: &sums) }
    return (sums.lossSum, Array(model.parameters.gradients), objective.peakByteCounts.saved)
  }

  private func expectSameBits(_ model: AdapterModel, _ sequences: [TestSequence]) {
    let kept = results(model, sequences, isCheckpointed: false)
    let again = results(model, sequences, isCheckpointed: true)
    #expect(again.loss == kept.loss && again.gradient == kept.gradient)
    #expect(kept.gradient.contains { $0 != 0 } && kept.gradient.allSatisfy(\.isFinite))
    #expect(again.bytes < kept.bytes)
  }

  @Test(arguments: Form.allCases + [nil]) func gradientsOfEveryMethodHaveTheSameBits(form: Form?) throws {
    expectSameBits(try Family.gpt2.model(ActivationTests.configuration(of: form)), severalTasks)
  }

  @Test(arguments: Family.allCases) func gradientsOfEveryFamilyHaveTheSameBits(family: Family) throws {
    let maps = family.everyMap
    let configurations = [
      lora(maps) { $0.loraDropout = 0.3 }, lora(maps) { ($0.useDoRA, $0.loraDropout) = (true, 0.3) },
      ia3(maps, feedforward: [maps.last!]), adapter(.moDE, maps) { $0.loraDropout = 0.3 }, adapter(.cPoly, maps),
    ]
    for configuration in configurations { expectSameBits(try family.model(configuration), family.sequences) }
  }

  @Test(arguments: Family.allCases) func gradientsOfWholeModelsHaveTheSameBits(family: Family) throws {
    let model = try AdapterModel(
      AdapterConfiguration(peftType: .full), backbone: TestModel.random(family.configuration()), seed: 3)
    let sequences = family == .bert ? TestSequence.masked() : family.sequences
    expectSameBits(model, sequences)
  }

  @Test(arguments: Family.allCases) func layersBelowWhichNothingTrainsChangeNothing(family: Family) throws {
    for maps in family.someMaps { expectSameBits(try family.model(lora(maps)), family.sequences) }
  }

  @Test func routersOwnLossesHaveTheSameBits() throws {
    let model = try Family.gpt2.model(adapter(.moDE, everyMap)), batch = PackedBatch(severalTasks)
    model.startCountingRouting()
    Objective(model).countRouting(of: batch, randomKey: RandomKey(seed: 1))
    let plain = results(model, severalTasks, isCheckpointed: true).gradient
    _ = model.setRouterLosses(
      RouterLosses(balance: 0.7, z: 0.3), counts: model.takeRoutingCounts(), labelCount: Double(batch.labelCount))
    expectSameBits(model, severalTasks)
    #expect(results(model, severalTasks, isCheckpointed: true).gradient != plain)
  }

  @Test func tokensAreCountedOnce() throws {
    let model = try Family.gpt2.model(adapter(.moDE, everyMap))
    let counts = [false, true].map { isCheckpointed in
      model.startCountingRouting()
      _ = results(model, severalTasks, isCheckpointed: isCheckpointed)
      return model.takeRoutingCounts()
    }
    #expect(counts[0] == counts[1])
  }

  /// Another layer costs its input: a number of 4 bytes for each row and column, on 64-byte boundaries.
  @Test(arguments: [Family.gpt2, .llama]) func anotherLayerKeepsItsInputAlone(family: Family) throws {
    let sequences = family.sequences, tokenCount = PackedBatch(sequences).tokenCount
    let width = family == .gpt2 ? 8 : 10, input = (tokenCount * width * 4 + 63) & ~63
    let bytes = try [4, 5].map { layerCount in
      let model = try AdapterModel(
        lora(family.everyMap), backbone: TestModel.random(family.configuration(layerCount: layerCount)), seed: 3)
      return results(model, sequences, isCheckpointed: true).bytes
    }
    #expect(bytes[1] - bytes[0] == input)
  }
}
