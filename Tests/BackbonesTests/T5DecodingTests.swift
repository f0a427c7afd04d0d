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
    let sources: [[Int32]] = [[3, 1, 4, 1, 5], [9], [2, 6, 5]]
    // Two slots a prompt, as in a search with two beams.
    let cache = backbone.makeCache(DecodingRoom(slotCount: 6, promptCount: 3, promptLength: 5, newTokenCount: 6))
    var decoded = Array(repeating: [Int32](), count: 6)
    var batch = PackedBatch()
    for source in sources { batch.appendPrompt(source: source, Self.special, route: 0) }
    let first = backbone.prefill(batch, cache: cache, slots: [0, 2, 4], pass(batch.rows)).array()
    let width = configuration.width
    for (row, source) in sources.enumerated() {
      // The same sums in single precision, in another order.
      #expect(relativeDistance(first[row * width..<(row + 1) * width], last(backbone, source, [])) < 5e-6)
    }
    cache.copy(2, to: 3)
    // Continuations end at different times, so the slots that go on change; slot 3 continues as another of prompt 1.
    for slots in [[0, 2, 3, 4], [0, 3, 4], [4], [4, 3]] {
      let tokens = slots.map { Int32(($0 * 3 + cache.lengths[$0]) % 13) }
      for (slot, token) in zip(slots, tokens) { decoded[slot].append(token) }
      let states = backbone.step(tokens: tokens, cache: cache, slots: slots, pass(Rows(behind: cache, slots))).array()
      for (row, slot) in slots.enumerated() {
        let expected = last(backbone, sources[slot / 2], decoded[slot])
        #expect(relativeDistance(states[row * width..<(row + 1) * width], expected) < 1e-5)
      }
    }
    #expect(cache.lengths == decoded.enumerated().map { $0 == 1 || $0 == 5 ? 0 : $1.count + 1 })
  }
}
