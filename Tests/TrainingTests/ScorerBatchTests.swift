import Testing

@testable import Training

struct ScorerBatchTests {
  @Test func neighboursShareABatchWithinTheLimit() {
    #expect(Scorer.batches(lengths: [3, 4, 5, 1, 20, 2], limit: 8) == [0..<2, 2..<4, 4..<5, 5..<6])
    #expect(Scorer.batches(lengths: [], limit: 8).isEmpty)
  }
}
