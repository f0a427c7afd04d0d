import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing
import Training

/// Dropout as the whole model sees it.
struct DropoutTests {
  private func model() throws -> AdapterModel {
    let configuration = lora(["c_attn", "c_proj", "c_fc"]) { $0.loraDropout = 0.5 }
    let model = try AdapterModel(configuration, backbone: TestModel.random(), seed: 3)
    model.scatterValues()
    return model
  }

  private func gradient(_ model: AdapterModel, _ batches: [[TestSequence]], seed: UInt64 = 1) -> [Float] {
    let objective = Objective(model)
    var sums = LossSums(accountCount: 3)
    model.parameters.zeroGradients()
    for batch in batches {
      objective.addGradient(of: PackedBatch(batch), randomKey: RandomKey(seed: seed), to: &sums)
    }
    return Array(model.parameters.gradients)
  }

  @Test func masksDoNotDependOnTheBatchAroundASequence() throws {
    let model = try model(), sequences = TestSequence.ragged()
    let together = gradient(model, [sequences])
    // The same masks, sums rounded in another order.
    #expect(relativeDistance(gradient(model, sequences.map { [$0] }), together) < 1e-5)
    #expect(relativeDistance(gradient(model, [sequences.reversed()]), together) < 1e-5)
  }

  @Test func masksDependOnSeedAndRunningNumber() throws {
    let model = try model(), sequences = TestSequence.ragged()
    var later = sequences
    for index in later.indices { later[index].ordinal += 100 }
    let first = gradient(model, [sequences])
    #expect(relativeDistance(gradient(model, [later]), first) > 0.1)
    #expect(relativeDistance(gradient(model, [sequences], seed: 2), first) > 0.1)
    #expect(gradient(model, [sequences]) == first)
  }

  @Test func evaluationDropsNothing() throws {
    let model = try model(), batch = PackedBatch(TestSequence.ragged())
    let dropping = Objective(model).withLogits(of: batch) { $0.array() }
    let plain = try AdapterModel(lora(["c_attn", "c_proj", "c_fc"]), backbone: TestModel.random(), seed: 3)
    plain.scatterValues()
    #expect(Objective(plain).withLogits(of: batch) { $0.array() } == dropping)
  }
}
