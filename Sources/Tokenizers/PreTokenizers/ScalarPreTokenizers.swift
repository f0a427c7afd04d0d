/// A pre-tokenizer that cuts at single scalars of a kind.
protocol ScalarPreTokenizer: PreTokenizer {
  /// What becomes of those scalars.
  var behavior: SplitBehavior { get }
  func isMatch(_ scalar: Unicode.Scalar) -> Bool
}

extension ScalarPreTokenizer {
  func cut(_ text: inout CutText) {
    text.replaceWords { word, bytes, words in
      var collector = SplitCollector(behavior, appendingTo: words)
      words = []
      var start = word.lowerBound
      bytes.forEachScalar(in: word) { scalar, range in
        guard isMatch(scalar) else { return }
        if start < range.lowerBound { collector.append(start..<range.lowerBound, isMatch: false) }
        collector.append(range, isMatch: true)
        start = range.upperBound
      }
      if start < word.upperBound { collector.append(start..<word.upperBound, isMatch: false) }
      words = collector.finish()
    }
  }
}

/// Cuts at white space, which goes.
struct WhiteSpacePreTokenizer: ScalarPreTokenizer {
  let behavior = SplitBehavior.removed
  func isMatch(_ scalar: Unicode.Scalar) -> Bool { scalar.isSpace }
}

/// Cuts at punctuation.
struct PunctuationPreTokenizer: ScalarPreTokenizer {
  let behavior: SplitBehavior
  func isMatch(_ scalar: Unicode.Scalar) -> Bool { scalar.isPunctuation }
}

/// Cuts at numbers.
struct DigitsPreTokenizer: ScalarPreTokenizer {
  let behavior: SplitBehavior
  func isMatch(_ scalar: Unicode.Scalar) -> Bool { scalar.isNumber }
}

/// Cuts at white space, which goes, and around each punctuation scalar (Devlin et al. 2019).
struct BertPreTokenizer: PreTokenizer {
  func cut(_ text: inout CutText) {
    WhiteSpacePreTokenizer().cut(&text)
    PunctuationPreTokenizer(behavior: .isolated).cut(&text)
  }
}

/// Keeps runs of word scalars and runs of others, white space apart: Hugging Face's `Whitespace`, `\w+|[^\w\s]+`.
struct WordPreTokenizer: PreTokenizer {
  private enum Kind {
    case space, word, other
  }

  func cut(_ text: inout CutText) {
    text.replaceWords { word, bytes, words in
      var start = word.lowerBound
      var kind = Kind.space
      bytes.forEachScalar(in: word) { scalar, range in
        let next: Kind = scalar.isSpace ? .space : scalar.isWordScalar ? .word : .other
        if next == kind { return }
        if kind != .space { words.append(start..<range.lowerBound) }
        start = range.lowerBound
        kind = next
      }
      if kind != .space { words.append(start..<word.upperBound) }
    }
  }
}
