import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing
import Training

struct ObjectiveTests {
  private func model() throws -> AdapterModel {
    let model = try AdapterModel(AdapterConfiguration(peftType: .lora), backbone: TestModel.random(), seed: 1)
    model.scatterValues()
    return model
  }

  private func gradient(_ model: AdapterModel, _ parts: [[TestSequence]]) -> ([Float], LossSums) {
    let objective = Objective(model)
    var sums = LossSums(accountCount: 3)
    model.parameters.zeroGradients()
    for part in parts {
      objective.addGradient(of: PackedBatch(part), randomKey: RandomKey(seed: 0), to: &sums)
    }
    return (Array(model.parameters.gradients), sums)
  }

  @Test func lossesAreToldApartByTask() throws {
    let model = try model(), sequences = TestSequence.ragged()
    let (_, sums) = gradient(model, [sequences])
    for (task, sequence) in sequences.enumerated() {
      let labels = sequence.labels.dropFirst().count { $0 >= 0 }
      #expect(labels > 0 && sums.counts[task] == Double(labels))
      let alone = gradient(model, [[sequence]]).1
      #expect(abs(alone.losses[task] - sums.losses[task]) < 1e-5 * sums.losses[task])
      #expect(alone.lossSum == alone.losses[task])
    }
  }

  @Test func theMeanIsOverTokensNotOverSequences() throws {
    var sums = LossSums(accountCount: 2)
    #expect(sums.mean.isNaN)
    (sums.losses, sums.counts) = ([6, 1], [2, 8])
    #expect(sums.mean == 0.7)
    #expect(sums.lossSum == 7 && sums.labelCount == 10)
  }

  @Test(arguments: [[[0, 1], [2]], [[2], [1], [0]], [[1], [], [2, 0]]])
  func anySplitIntoPartsGivesTheSameGradient(parts: [[Int]]) throws {
    let model = try model(), sequences = TestSequence.ragged()
    let whole = gradient(model, [sequences])
    let split = gradient(model, parts.map { $0.map { sequences[$0] } })
    // The same sums in single precision, in another order.
    #expect(relativeDistance(split.0, whole.0) < 1e-5)
    #expect(split.1.counts == whole.1.counts)
    for (a, b) in zip(split.1.losses, whole.1.losses) { #expect(abs(a - b) < 1e-5 * b) }
  }

  @Test func theLossAloneIsThatOfTraining() throws {
    let model = try model(), sequences = TestSequence.ragged()
    let losses = Objective(model).losses(of: PackedBatch(sequences))
    #expect(model.parameters.gradients.allSatisfy { $0 == 0 })
    #expect(losses == gradient(model, [sequences]).1.losses)  // one sequence a task
    let silent = TestSequence(tokens: [1, 2], labels: [-100, -100])
    #expect(Objective(model).losses(of: PackedBatch([silent, silent])) == [0, 0])
  }

  @Test func thePhasesOfAPassAreTimed() throws {
    let model = try model(), phases = PhaseTimer(), objective = Objective(model, phases: phases)
    var sums = LossSums(accountCount: 3)
    objective.addGradient(of: PackedBatch(TestSequence.ragged()), randomKey: RandomKey(seed: 0), to: &sums)
    // The embedding is frozen.
    let layers = ["embed", "linear", "attention", "adapter", "norms_and_activations", "head"]
    let expected = layers + layers.dropFirst().map { $0 + "_backward" }
    #expect(Set(phases.seconds.filter { $0.seconds > 0 }.map(\.name)) == Set(expected))
  }
}
