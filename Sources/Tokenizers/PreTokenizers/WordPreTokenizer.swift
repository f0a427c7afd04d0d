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
