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
    batch.appendPrompt(tokens: tokens, route: 0)
    return backbone.forward(batch, pass(batch.rows)).array()
  }

  @Test(arguments: GPT2GradientTests.Variation.allCases)
  func stepsWithACacheAreFullRecomputations(variation: GPT2GradientTests.Variation) throws {
    try check(TestModel.random(variation.configuration))
  }

  @Test(arguments: DecoderVariation.allCases)
  func decodersToo(variation: DecoderVariation) throws { try check(TestModel.random(variation.configuration)) }

  private func check(_ model: any Backbone) throws {
    let backbone = try #require(model as? any GenerativeBackbone)
    let width = backbone.head!.weight.shape[1]
    var sequences: [[Int32]] = [[3, 1, 4, 1, 5], [9], [2, 6, 5]]
    let cache = backbone.makeCache(
      DecodingRoom(slotCount: 3, promptCount: 3, promptLength: 5, newTokenCount: 4))
    var batch = PackedBatch()
    for sequence in sequences { batch.appendPrompt(tokens: sequence, route: 0) }
    let hidden = backbone.prefill(batch, cache: cache, slots: [0, 1, 2], pass(batch.rows)).array()
    #expect(cache.lengths == [5, 1, 3])
    for (slot, sequence) in sequences.enumerated() {
      #expect(relativeDistance(hidden[slot * width..<(slot + 1) * width], last(backbone, sequence)) < 2e-6)
    }
    // Sequences end at different times, so the slots that go on change.
    for slots in [[0, 1, 2], [0, 2], [2], [2, 1]] {
      let tokens = slots.map { Int32(($0 * 3 + cache.lengths[$0]) % 13) }
      for (slot, token) in zip(slots, tokens) { sequences[slot].append(token) }
      let states = backbone.step(
        tokens: tokens, cache: cache, slots: slots, pass(Rows(behind: cache, slots))
      ).array()
      for (row, slot) in slots.enumerated() {
        // The same sums in single precision, in another order.
        #expect(relativeDistance(states[row * width..<(row + 1) * width], last(backbone, sequences[slot])) < 5e-6)
      }
    }
    #expect(cache.lengths == sequences.map(\.count))
  }
}

extension Rows {
  /// One new position for each slot.
  init(behind cache: KeyValueCache, _ slots: [Int]) {
    self.init()
    for (example, slot) in slots.enumerated() {
      append(
        positions: CollectionOfOne(Int32(cache.lengths[slot])), Segment(example: example, route: 0, ordinal: 0))
    }
  }
}
