/// Cuts at what a pattern matches, or, inverted, at what it does not.
struct SplitPreTokenizer: PreTokenizer {
  let pattern: SplitPattern
  let behavior: SplitBehavior
  var isInverted = false

  func cut(_ text: inout CutText) {
    text.replaceWords { word, bytes, words in
      var collector = SplitCollector(behavior, appendingTo: words)
      words = []
      pattern.forEachSegment(of: word, in: bytes) { collector.append($0, isMatch: $1 != isInverted) }
      words = collector.finish()
    }
  }
}
