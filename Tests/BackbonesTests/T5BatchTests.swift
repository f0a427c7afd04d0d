import Adapters
import Backbones
import ModelTestSupport
import Testing
import Training

/// A source stream beside a target stream.
struct T5BatchTests {
  private static let special = DecoderTokens(start: 2, padding: 5)

  @Test func targetsAreShiftedBehindTheStartToken() {
    var batch = PackedBatch()
    batch.appendPair(source: [7, 8, 9], labels: [4, -100, 6], Self.special, route: 1, ordinal: 40)
    batch.appendPair(source: [3], labels: [1], Self.special, route: 0, ordinal: 41)
    #expect(batch.sourceTokens == [7, 8, 9, 3] && batch.sourceRows.starts == [0, 3, 4])
    #expect(batch.tokens == [2, 4, 5, 2] && batch.rows.starts == [0, 3, 4] && batch.rows.positions == [0, 1, 2, 0])
    #expect(batch.labels == [4, 6, 1] && batch.labelIndices == [0, 2, 3] && batch.labelRows.starts == [0, 2, 3])
    #expect(batch.rows.segments.map(\.route) == [1, 0] && batch.rows.segments.map(\.ordinal) == [40, 41])
    #expect(batch.tokenCount == 4 && batch.totalTokenCount == 8)
  }

  @Test func everyPositionOrThePromptAloneMayBeRead() {
    var batch = PackedBatch()
    batch.appendPair(source: [7], labels: [4, -100], Self.special, route: 0, ordinal: 0, everyPosition: true)
    #expect(batch.tokens == [2, 4] && batch.labelIndices == [0, 1])
    batch.removeAll()
    #expect(batch.sourceTokens.isEmpty && batch.sourceRows.starts == [0])
    batch.appendPair(source: [7, 8], labels: [0], Self.special, route: 3, ordinal: 0)
    #expect(
      batch.tokens == [2] && batch.labelIndices == [0] && batch.sourceTokens == [7, 8]
        && batch.rows.segments.map(\.route) == [3])
    batch.appendPair(source: [1], labels: [Int32](), Self.special, route: 0, ordinal: 0)
    #expect(batch.rows.starts == [0, 1, 1] && batch.sourceRows.starts == [0, 2, 3] && batch.labelCount == 1)
  }

  @Test func pairsWithoutLabelsOrSourceAddNothingToOthers() throws {
    let configuration = T5Variation.relu.configuration, pairs = TestSequence.pairs()
    let model = try AdapterModel(
      AdapterConfiguration(peftType: .full), backbone: TestModel.random(configuration), seed: 0)
    func run(_ sequences: [TestSequence]) -> (gradient: [Float], sums: LossSums) {
      var sums = LossSums(accountCount: 3)
      model.parameters.zeroGradients()
      let batch = PackedBatch(sequences, for: configuration.architecture)
      Objective(model).addGradient(of: batch, randomKey: .init(seed: 0), to: &sums)
      return (Array(model.parameters.gradients), sums)
    }
    let silent = TestSequence(tokens: [1, 2, 3], labels: [-100, -100], task: 1)
    let mute = TestSequence(tokens: [4, 2], labels: [], task: 1)
    let with = run([pairs[0], silent, pairs[1], mute]), without = run([pairs[0], pairs[1]])
    #expect(with.sums.counts == without.sums.counts)
    #expect(abs(with.sums.lossSum - without.sums.lossSum) < 1e-6 * without.sums.lossSum)
    // Sums over rows are rounded in another order.
    #expect(relativeDistance(with.gradient, without.gradient) < 1e-5)
    let sourceless = run([TestSequence(tokens: [], labels: [3, 4])])
    #expect(sourceless.sums.lossSum.isFinite && sourceless.gradient.allSatisfy(\.isFinite))
  }

  @Test func logitsAtLabelsAreThoseOfAllPositions() {
    let configuration = T5Variation.gated.configuration, arrays = TestModel.arrays(configuration)
    let objective = Objective(AdapterModel(bare: TestModel.backbone(configuration, arrays)))
    let reference = ReferenceT5(configuration, arrays)
    for sequence in TestSequence.pairs() {
      let batch = PackedBatch([sequence], for: configuration.architecture)
      let logits = objective.withLogits(of: batch) { $0.array() }
      let expected = reference.predictions(sequence).filter { $0.label >= 0 }.flatMap { $0.logits.map(Float.init) }
      #expect(relativeDistance(logits, expected) < 1e-5)  // single precision through four blocks
    }
  }
}
