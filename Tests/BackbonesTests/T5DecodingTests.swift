import ModelTestSupport
import Tensors
import Testing

@testable import Backbones

/// Generating with T5's two caches against computing the whole answer again.
struct T5DecodingTests {
  private let saved = Workspace(), scratch = Workspace()
  private static let special = T5Variation.otherSpecialTokens.configuration.decoderTokens

  private func pass(_ rows: Rows) -> Pass {
    Pass(rows, randomKey: nil, keepsActivations: false, saved: saved, scratch: scratch)
  }

  /// The hidden state behind a source and the tokens decoded so far, computed from their start.
  private func last(_ backbone: any Backbone, _ source: [Int32], _ decoded: [Int32]) -> [Float] {
    var batch = PackedBatch()
    batch.appendPair(source: source, labels: decoded + [0], Self.special, route: 0, ordinal: 0, everyPosition: true)
    let rows = backbone.forward(batch, pass(batch.rows))
    return rows.rows(rows.rows - 1..<rows.rows).array()
  }

  @Test(arguments: [T5Variation.otherSpecialTokens, .fewBuckets]) func stepsWithCachesAreFullRecomputations(
    variation: T5Variation
  ) throws {
    var configuration = variation.configuration
    configuration.decoderTokens = Self.special
    let backbone = try #require(TestModel.random(configuration) as? any GenerativeBackbone)
    let cache = backbone.makeCache(rowCount: 400), sources: [[Int32]] = [[3, 1, 4, 1, 5], [9], [2, 6, 5], []]
    var batch = DecodingBatch(), decoded: [[Int32]] = []
    // Several answers read one source, as in a search with beams; the last has none.
    let readers = [0, 0, 0, 0, 0, 1, 2, 2, 3], own = readers.map { _ in cache.take(44)! }
    let places = try sources.map { try #require(cache.source?.take($0.count)) }
    for (source, place) in zip(sources, places) { batch.appendSource(source, to: place, route: 0) }
    func add(_ answer: Int) {
      let tokens = decoded[answer].last ?? Self.special.start
      batch.append(
        [tokens], behind: [], own: own[answer].prefix(decoded[answer].count + 1), source: places[readers[answer]],
        route: 0, reading: [0])
    }
    func expect(_ running: [Int]) {
      let states = backbone.extend(batch, cache, pass(batch.rows)).array(), width = configuration.width
      for (row, answer) in running.enumerated() {
        let expected = last(backbone, sources[readers[answer]], decoded[answer])
        // The same sums in single precision, in another order.
        #expect(relativeDistance(states[row * width..<(row + 1) * width], expected) < 1e-5)
      }
    }
    decoded = readers.map { _ in [] }
    readers.indices.forEach(add)
    expect(Array(readers.indices))
    // Answers end at different times; one goes on to 42 tokens.
    for step in 0..<42 {
      let running = readers.indices.filter { $0 == 5 || step < 9 && $0 != step }
      batch = DecodingBatch()
      for answer in running {
        decoded[answer].append(Int32((answer * 3 + step) % 13))
        add(answer)
      }
      expect(running)
    }
  }
}
