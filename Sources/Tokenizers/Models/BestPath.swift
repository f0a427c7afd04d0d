/// The best way to each place of a word, for Viterbi's search, in memory that is reused from word to word.
struct BestPath: Sendable {
  /// How a place is best reached.
  private struct Step {
    var score: Double
    /// Where the last token of the way begins; −1 where the place is not reached.
    var start: Int32
    var id: Int32
  }

  private var steps: [Step] = []

  /// Begins a word of `byteCount` bytes.
  mutating func begin(_ byteCount: Int) {
    steps.removeAll(keepingCapacity: true)
    steps.append(contentsOf: repeatElement(Step(score: 0, start: -1, id: 0), count: byteCount + 1))
  }

  /// The score of the best way to `place`.
  func score(at place: Int) -> Double { steps[place].score }

  /// Offers a way to `end`: it counts if there was none, or only worse ones.
  @inline(__always)
  mutating func offer(_ id: Int32, from start: Int, to end: Int, score: Double) {
    if steps[end].start < 0 || score > steps[end].score {
      steps[end] = Step(score: score, start: Int32(start), id: id)
    }
  }

  /// Calls `body` with each token of the best way and its range, from the last to the first.
  func forEachBackward(_ body: (Int32, Range<Int>) -> Void) {
    var end = steps.count - 1
    while end > 0 {
      let start = Int(steps[end].start)
      body(steps[end].id, start..<end)
      end = start
    }
  }
}
