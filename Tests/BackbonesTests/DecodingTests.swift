import ModelTestSupport
import Tensors
import Testing

@testable import Backbones

/// Decoding with a key/value cache against computing the whole sequence again.
struct DecodingTests {
  private let saved = Workspace(), scratch = Workspace()

  private func pass(_ rows: Rows) -> Pass {
    Pass(rows, randomKey: nil, keepsActivations: false, saved: saved, scratch: scratch)
  }

  /// The hidden state of a sequence's last token, computed from its start.
  private func last(_ backbone: any Backbone, _ tokens: [Int32]) -> [Float] {
    var batch = PackedBatch()
    let labels = tokens.map { _ in Int32(-100) } + [0]
    batch.appendCausal(tokens: tokens + [0], labels: labels, route: 0, ordinal: 0)
    return backbone.forward(batch, pass(batch.rows)).array()
  }

  @Test(arguments: GPT2GradientTests.Variation.allCases)
  func stepsWithACacheAreFullRecomputations(variation: GPT2GradientTests.Variation) throws {
    var configuration = variation.configuration
    configuration.positionCount = 64
    try check(TestModel.random(configuration))
  }

  @Test(arguments: DecoderVariation.allCases)
  func decodersToo(variation: DecoderVariation) throws {
    var configuration = variation.configuration
    configuration.positionCount = 64
    try check(TestModel.random(configuration))
  }

  /// Sequences behind each other's beginnings: four behind [3, 1, 4, 1, 5, 9], three of them behind [2, 6] in turn.
  private struct Sequences {
    let cache: KeyValueCache
    let beginnings: [[Int32]] = [[3, 1, 4, 1, 5, 9], [2, 6]]
    var places: [Range<Int>] = []
    /// Each sequence's tokens, how many of them are shared, by how many beginnings, and rows of its own.
    var all: [(tokens: [Int32], depth: Int, rows: Range<Int>)] = []

    init(_ backbone: any GenerativeBackbone) {
      cache = backbone.makeCache(rowCount: 400)
      places = beginnings.map { cache.take($0.count)! }
      for (tail, depth) in [([5], 2), ([3, 5, 8], 2), ([7, 9], 2), ([11], 1), ([6, 5], 0)] as [([Int32], Int)] {
        all.append((beginnings.prefix(depth).joined() + tail, depth, cache.take(50)!))
      }
    }

    var shared: [Int] { all.map { beginnings.prefix($0.depth).reduce(0) { $0 + $1.count } } }

    /// Adds the tokens from one on.
    func add(_ sequence: Int, from first: Int, to batch: inout DecodingBatch) {
      let (tokens, depth, rows) = all[sequence], new = tokens[first...]
      batch.append(
        new, behind: Array(places.prefix(depth)), own: rows.prefix(tokens.count - shared[sequence]), route: 0,
        reading: [new.count - 1])
    }
  }

  private func check(_ model: any Backbone) throws {
    let backbone = try #require(model as? any GenerativeBackbone)
    var sequences = Sequences(backbone)
    var batch = DecodingBatch()
    batch.append(sequences.beginnings[0], behind: [], own: sequences.places[0], route: 0, reading: [])
    batch.append(
      sequences.beginnings[1], behind: [sequences.places[0]], own: sequences.places[1], route: 0, reading: [])
    for sequence in sequences.all.indices {
      sequences.add(sequence, from: sequences.shared[sequence], to: &batch)
    }
    // The same sums in single precision, in another order.
    expect(backbone, batch, sequences, Array(sequences.all.indices), within: 5e-6)
    // Sequences end at different times, so those that go on change; the last goes on to 46 tokens.
    for step in 0..<44 {
      let running = sequences.all.indices.filter { $0 == 4 || step < 3 || step < 9 + $0 * 4 && $0 != step % 4 }
      batch = DecodingBatch()
      for sequence in running {
        sequences.all[sequence].tokens.append(Int32((sequence * 3 + sequences.all[sequence].tokens.count) % 13))
        sequences.add(sequence, from: sequences.all[sequence].tokens.count - 1, to: &batch)
      }
      expect(backbone, batch, sequences, running, within: 2e-5)
    }
    #expect(sequences.all[4].tokens.count == 46)
  }

  private func expect(
    _ backbone: any GenerativeBackbone, _ batch: DecodingBatch, _ sequences: Sequences, _ running: [Int],
    within tolerance: Double
  ) {
    let states = backbone.extend(batch, sequences.cache, pass(batch.rows)).array()
    let width = states.count / running.count
    for (row, sequence) in running.enumerated() {
      let expected = last(backbone, sequences.all[sequence].tokens)
      #expect(relativeDistance(states[row * width..<(row + 1) * width], expected) < tolerance)
    }
  }

  /// Every output of an answer that is given, behind a prompt of the same pass.
  @Test func rowsBehindAPromptOfTheSamePassSeeIt() throws {
    let backbone = try #require(TestModel.random() as? any GenerativeBackbone)
    let cache = backbone.makeCache(rowCount: 12)
    let prompt: [Int32] = [3, 1, 4], answers: [[Int32]] = [[5, 9, 2], [6]]
    let own = cache.take(3)!
    var batch = DecodingBatch(), whole = PackedBatch()
    batch.append(prompt, behind: [], own: own, route: 0, reading: [2])
    for answer in answers {
      batch.append(
        answer, behind: [own], own: cache.take(answer.count)!, route: 0, reading: answer.indices)
      whole.appendEveryPosition(tokens: prompt + answer, route: 0)
    }
    let found = backbone.extend(batch, cache, pass(batch.rows)).array()
    let rows = backbone.forward(whole, pass(whole.rows)), all = rows.array(), width = rows.columns
    let expected = [2, 3, 4, 5, 9].flatMap { all[$0 * width..<($0 + 1) * width] }
    // The same sums in single precision, in another order.
    #expect(relativeDistance(found[...], expected) < 5e-6)
  }
}

/// Rows that sequences take and give back.
struct KeyValueCacheTests {
  @Test func theLowestRowsThatAreLongEnoughAreTaken() {
    let cache = KeyValueCache(layerCount: 1, rowCount: 20, width: 2)
    let taken = [5, 3, 6, 4].map { cache.take($0) }
    #expect(taken == [0..<5, 5..<8, 8..<14, 14..<18] && cache.usedCount == 18)
    #expect(cache.take(3) == nil && cache.take(0) == 0..<0)
    cache.giveBack(5..<8)
    cache.giveBack(14..<18)
    #expect(cache.take(4) == 14..<18 && cache.take(2) == 5..<7)
    cache.giveBack(0..<5)
    // 0 ..< 5 and 7 ..< 8 are free and do not touch.
    #expect(cache.take(6) == nil)
    cache.giveBack(5..<7)
    #expect(cache.take(8) == 0..<8 && cache.usedCount == 18)
    for range in [0..<8, 8..<14, 14..<18] { cache.giveBack(range) }
    #expect(cache.usedCount == 0 && cache.take(20) == 0..<20)
  }

  @Test func whatIsKeptMovesToTheFirstRows() {
    let cache = KeyValueCache(layerCount: 2, rowCount: 9, width: 1)
    for layer in 0..<2 {
      for row in 0..<9 {
        cache.keys(layer)[row, 0] = Float(10 * layer + row)
        cache.values(layer)[row, 0] = Float(100 + 10 * layer + row)
      }
    }
    _ = cache.take(9)
    // The first to be kept lies behind the second, on rows that it moves from.
    #expect(cache.keepOnly([4..<7, 0..<2]) == [0..<3, 3..<5])
    #expect(cache.usedCount == 5 && cache.take(4) == 5..<9)
    for layer in 0..<2 {
      let expected = [4, 5, 6, 0, 1].map { Float(10 * layer + $0) }
      #expect(cache.keys(layer).rows(0..<5).array() == expected)
      #expect(cache.values(layer).rows(0..<5).array() == expected.map { $0 + 100 })
    }
    cache.copy(0..<2, to: 7..<9)
    #expect(cache.values(1).rows(7..<9).array() == [114, 115])
    #expect(cache.keepOnly([]) == [] && cache.take(9) == 0..<9)
  }
}
