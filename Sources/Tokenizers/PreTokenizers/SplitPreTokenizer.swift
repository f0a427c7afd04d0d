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

/// What becomes of the matches of a pattern that cuts text: Hugging Face's `SplitDelimiterBehavior`.
enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  /// Reads a `behavior`; a missing one is `fallback`, or an error without that.
  init(_ field: JSONField, default fallback: SplitBehavior? = nil) throws(TokenizerError) {
    if field.isNull, let fallback {
      self = fallback
      return
    }
    guard let behavior = Self(rawValue: try field.text()) else {
      throw field.unsupported(
        field.value.kind, supported: "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous")
    }
    self = behavior
  }
}

/// Builds words from the matches of a pattern and what is between them, given in order.
struct SplitCollector {
  private let behavior: SplitBehavior
  private var words: [Range<Int>]
  /// Words that were there before.
  private let base: Int
  private var lastIsMatch = false

  init(_ behavior: SplitBehavior, appendingTo words: consuming [Range<Int>]) {
    self.behavior = behavior
    base = words.count
    self.words = words
  }

  /// Adds the next segment.
  mutating func append(_ segment: Range<Int>, isMatch: Bool) {
    defer { lastIsMatch = isMatch }
    let joinsLast =
      switch behavior {
      case .removed, .isolated: false
      case .mergedWithPrevious: isMatch && !lastIsMatch
      case .mergedWithNext: !isMatch && lastIsMatch
      case .contiguous: isMatch == lastIsMatch
      }
    if behavior == .removed, isMatch { return }
    if joinsLast, words.count > base {
      words[words.count - 1] = words[words.count - 1].lowerBound..<segment.upperBound
    } else {
      words.append(segment)
    }
  }

  /// All the words.
  consuming func finish() -> [Range<Int>] { words }
}
