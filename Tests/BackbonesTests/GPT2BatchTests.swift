import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing
import Training

/// What a packed batch must not change.
struct GPT2BatchTests {
  private func gradient(_ model: AdapterModel, _ batches: [[TestSequence]]) -> (gradient: [Float], sums: LossSums) {
    let objective = Objective(model)
    var sums = LossSums(accountCount: 3)
    model.parameters.zeroGradients()
    for batch in batches {
      objective.addGradient(of: PackedBatch(batch), randomKey: RandomKey(seed: 0), to: &sums)
    }
    return (Array(model.parameters.gradients), sums)
  }

  private func full(_ backbone: any Backbone = TestModel.random()) throws -> AdapterModel {
    try AdapterModel(AdapterConfiguration(peftType: .full), backbone: backbone, seed: 0)
  }

  @Test func aPackedBatchIsTheSumOfItsSequencesAlone() throws {
    let model = try full(), sequences = TestSequence.ragged()
    let packed = gradient(model, [sequences]), alone = gradient(model, sequences.map { [$0] })
    #expect(packed.sums.counts == alone.sums.counts)
    for (a, b) in zip(packed.sums.losses, alone.sums.losses) { #expect(abs(a - b) < 1e-5 * b) }
    // Sums over rows are rounded in another order.
    #expect(relativeDistance(packed.gradient, alone.gradient) < 1e-5)
  }

  @Test func sequencesMayComeInAnyOrder() throws {
    let model = try full(), sequences = TestSequence.ragged()
    let forth = gradient(model, [sequences]), back = gradient(model, [sequences.reversed()])
    #expect(relativeDistance(forth.gradient, back.gradient) < 1e-5)
  }

  @Test func logitsAtLabelsAloneAreThoseOfAllPositions() throws {
    let objective = Objective(AdapterModel(bare: TestModel.random()))
    for sequence in TestSequence.ragged() {
      var everywhere = sequence, once = sequence
      everywhere.labels = sequence.tokens
      let all = objective.withLogits(of: PackedBatch([everywhere])) { $0.array() }
      for position in 1..<sequence.tokens.count {
        once.labels = sequence.tokens.indices.map { $0 == position ? 3 : -100 }
        let row = objective.withLogits(of: PackedBatch([once])) { $0.array() }
        // The same sums; products of one row and of many may be blocked differently.
        #expect(relativeDistance(row, all[(position - 1) * 13..<position * 13]) < 1e-6)
      }
    }
  }

  @Test func logitsAgreeWithTheReference() throws {
    let configuration = TestModel.smallConfiguration, arrays = TestModel.arrays(configuration)
    let reference = ReferenceGPT2(configuration, arrays)
    let objective = Objective(AdapterModel(bare: TestModel.backbone(configuration, arrays)))
    for var sequence in TestSequence.ragged() {
      sequence.labels = sequence.tokens
      let logits = objective.withLogits(of: PackedBatch([sequence])) { $0.array() }
      let expected = reference.logits(sequence.tokens).dropLast().flatMap { $0.map(Float.init) }
      #expect(relativeDistance(logits, expected) < 3e-6)  // single precision through two layers
    }
  }

  @Test func aSequenceWithoutLabelsAddsNothing() throws {
    let model = try full(), sequences = TestSequence.ragged()
    let silent = TestSequence(tokens: [1, 2, 3], labels: [-100, -100, -100], task: 1)
    let with = gradient(model, [[sequences[0], silent, sequences[1]]])
    let without = gradient(model, [[sequences[0], sequences[1]]])
    #expect(with.sums.counts == without.sums.counts)
    #expect(abs(with.sums.lossSum - without.sums.lossSum) < 1e-6 * without.sums.lossSum)
    #expect(relativeDistance(with.gradient, without.gradient) < 1e-5)
    #expect(gradient(model, [[silent]]).gradient.allSatisfy { $0 == 0 })
    // The label of a first token has no position before it that could predict it.
    let first = TestSequence(tokens: [1, 2], labels: [1, -100])
    #expect(PackedBatch([first]).labelCount == 0)
  }

  @Test func repeatedPassesGiveTheSameBits() throws {
    let model = try full(), objective = Objective(model), batch = PackedBatch(TestSequence.ragged())
    func run() -> [Float] {
      var sums = LossSums(accountCount: 3)
      model.parameters.zeroGradients()
      objective.addGradient(of: batch, randomKey: RandomKey(seed: 0), to: &sums)
      return Array(model.parameters.gradients)
    }
    let first = run()
    for _ in 0..<3 { #expect(run() == first) }
  }

  @Test func aPackedBatchForgetsWhatItHeld() {
    var batch = PackedBatch(TestSequence.ragged())
    batch.removeAll()
    #expect(batch.exampleCount == 0 && batch.tokenCount == 0 && batch.labelCount == 0)
    batch.appendCausal(tokens: [4, 5, 6], labels: [-100, -100, 6], route: 2, ordinal: 0)
    #expect(batch.rows.starts == [0, 3] && batch.labelRows.starts == [0, 1] && batch.labelIndices == [1])
    #expect(
      batch.rows.positions == [0, 1, 2] && batch.labelRows.positions == [1] && batch.rows.segments.map(\.route) == [2])
  }
}
