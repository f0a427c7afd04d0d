import Adapters
import Backbones
import ModelTestSupport
import Testing
import Training

/// Sequences of an encoder end to end: what is read where, and that neighbours do not matter.
struct EncoderBatchTests {
  @Test func classesNumbersAndTokensLieSideBySide() {
    var batch = PackedBatch()
    batch.appendClassified(tokens: [7, 8], types: [0, 1], label: 2, head: .taskClassifier(1), route: 1, ordinal: 40)
    batch.appendMasked(tokens: [5, 6, 9], types: [Int32](), labels: [-100, 4, 3], route: 0, ordinal: 41)
    batch.appendClassified(tokens: [3], types: [Int32](), label: -1.5, head: .classifier, route: 2, ordinal: 42)
    batch.appendClassified(tokens: [1, 2], types: [1, 1], label: nil, head: .classifier, route: 3, ordinal: 43)
    #expect(batch.tokens == [7, 8, 5, 6, 9, 3, 1, 2] && batch.tokenTypes == [0, 1, 0, 0, 0, 0, 1, 1])
    #expect(batch.rows.positions == [0, 1, 0, 1, 2, 0, 0, 1] && batch.rows.starts == [0, 2, 5, 6, 8])
    #expect(batch.labelIndices == [0, 3, 4, 5] && batch.labelRows.starts == [0, 1, 3, 4, 4])
    #expect(batch.labels == [2, 4, 3, 0] && batch.targets == [2, 0, 0, -1.5])
    #expect(batch.heads == [.taskClassifier(1), .tokens, .classifier, .classifier])
    #expect(
      batch.rows.segments.map(\.route) == [1, 0, 2, 3] && batch.rows.segments.map(\.ordinal) == [40, 41, 42, 43])
    batch.removeAll()
    #expect(batch.heads.isEmpty && batch.targets.isEmpty && batch.tokenTypes.isEmpty && batch.labelRows.starts == [0])
    batch.appendMasked(tokens: [5, 6], types: [0, 0], labels: [-100, 4], route: 0, ordinal: 0, everyPosition: true)
    #expect(batch.labelIndices == [0, 1] && batch.labels == [0, 4])
  }

  @Test(arguments: EncoderVariation.allCases) func logitsAgreeWithTheReference(variation: EncoderVariation) {
    let configuration = variation.configuration, arrays = TestModel.arrays(configuration)
    let objective = Objective(AdapterModel(bare: TestModel.backbone(configuration, arrays)))
    let reference = ReferenceEncoder(configuration, arrays)
    for sequence in variation.sequences {
      let found = objective.withLogits(of: PackedBatch([sequence], for: .encoderOnly)) { $0.array() }
      let expected = reference.predictions(sequence).filter { $0.label >= 0 }.flatMap { $0.logits.map(Float.init) }
      #expect(relativeDistance(found, expected) < 1e-5)  // single precision through two blocks
    }
  }

  @Test(arguments: [EncoderVariation.everyHead, .robertaEveryHead, .number])
  func aPackedBatchIsTheSumOfItsSequencesAlone(variation: EncoderVariation) throws {
    let run = try runner(variation), sequences = variation.sequences
    let together = run(sequences)
    var loss = 0.0, gradient = [Float](repeating: 0, count: together.gradient.count)
    for sequence in sequences {
      let alone = run([sequence])
      loss += alone.sums.lossSum
      for (index, slope) in alone.gradient.enumerated() { gradient[index] += slope }
    }
    #expect(abs(loss - together.sums.lossSum) < 1e-5 * loss)
    // Sums over rows are rounded in another order.
    #expect(relativeDistance(gradient, together.gradient) < 1e-5)
    #expect(relativeDistance(run(sequences.reversed()).gradient, together.gradient) < 1e-5)
    // The same batch again, in memory that others have used: the same bits.
    #expect(run(sequences).gradient == together.gradient)
  }

  /// All positions of one head, alone: what a row of logits is beside other rows.
  @Test func logitsAtLabelsAreThoseOfAllPositions() {
    let configuration = EncoderVariation.robertaMasked.configuration
    let objective = Objective(AdapterModel(bare: TestModel.random(configuration)))
    for sequence in EncoderVariation.robertaMasked.sequences {
      var every = PackedBatch()
      every.appendMasked(
        tokens: sequence.tokens, types: sequence.tokenTypes, labels: sequence.labels, route: 0, ordinal: 0,
        everyPosition: true)
      let rows = sequence.labels.indices.filter { sequence.labels[$0] >= 0 }
      let all = objective.withLogits(of: every) { logits in rows.flatMap { logits.rows($0..<$0 + 1).array() } }
      let found = objective.withLogits(of: PackedBatch([sequence], for: .encoderOnly)) { $0.array() }
      #expect(relativeDistance(found, all) < 1e-5)
    }
  }

  @Test func sequencesWithoutLabelsAddNothing() throws {
    let run = try runner(.everyHead), sequences = EncoderVariation.everyHead.sequences
    let silent = TestSequence(tokens: [4, 2, 9], labels: [-100, -100, -100])
    var mute = TestSequence(tokens: [4, 2], labels: [])
    mute.label = nil
    let with = run([silent, sequences[0], mute, sequences[1], silent]), without = run([sequences[0], sequences[1]])
    #expect(with.sums.counts == without.sums.counts)
    #expect(abs(with.sums.lossSum - without.sums.lossSum) < 1e-6 * without.sums.lossSum)
    #expect(relativeDistance(with.gradient, without.gradient) < 1e-5)
    #expect(run([silent, mute]).gradient.allSatisfy { $0 == 0 })
  }

  /// Two segments are the only thing that tells one order of a pair from another, places apart.
  @Test func segmentsMatter() {
    let objective = Objective(AdapterModel(bare: TestModel.random(EncoderVariation.bert.configuration)))
    var sequence = EncoderVariation.bert.sequences[0]
    func logits() -> [Float] { objective.withLogits(of: PackedBatch([sequence], for: .encoderOnly)) { $0.array() } }
    let segmented = logits()
    sequence.tokenTypes = sequence.tokens.map { _ in 0 }
    let plain = logits()
    sequence.tokenTypes = []
    #expect(logits() == plain)
    #expect(relativeDistance(plain, segmented) > 0.01)
  }

  /// RoBERTa's places: from behind the padding's, which its tokens keep wherever they stand.
  @Test func robertaCountsAroundPadding() throws {
    let configuration = EncoderVariation.roberta.configuration
    #expect(configuration.positionCount == 9 && EncoderVariation.bert.configuration.positionCount == 11)
    let arrays = TestModel.arrays(configuration), name = "roberta.embeddings.position_embeddings.weight"
    func usedPlaces(_ tokens: [Int32]) throws -> [Int] {
      let model = try AdapterModel(
        AdapterConfiguration(peftType: .full), backbone: TestModel.backbone(configuration, arrays), seed: 0)
      var sequence = TestSequence(tokens: tokens, labels: [])
      sequence.label = 1
      var sums = LossSums(accountCount: 1)
      Objective(model).addGradient(
        of: PackedBatch([TestSequence](repeating: sequence, count: 2), for: .encoderOnly),
        randomKey: .init(seed: 0), to: &sums)
      let gradient = Array(model.parameters.gradient(name))
      return (0..<11).filter { place in gradient[place * 8..<place * 8 + 8].contains { $0 != 0 } }
    }
    #expect(try usedPlaces([4, 5, 6]) == [2, 3, 4])
    #expect(try usedPlaces([4, 1, 6, 1]) == [1, 2, 3])
    #expect(try usedPlaces([1, 1]) == [1])
    #expect(try usedPlaces([2, 3, 4, 5, 6, 7, 8, 9, 10]) == Array(2...10))
  }

  private func runner(
    _ variation: EncoderVariation
  ) throws -> ([TestSequence]) -> (gradient: [Float], sums: LossSums) {
    let model = try AdapterModel(
      AdapterConfiguration(peftType: .full), backbone: TestModel.random(variation.configuration), seed: 0)
    let objective = Objective(model)
    return { sequences in
      var sums = LossSums(accountCount: 3)
      model.parameters.zeroGradients()
      objective.addGradient(
        of: PackedBatch(sequences, for: .encoderOnly), randomKey: .init(seed: 0), to: &sums)
      return (Array(model.parameters.gradients), sums)
    }
  }
}
