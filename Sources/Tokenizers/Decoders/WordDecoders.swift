/// Writes the visible scalar for spaces as a space again, and leaves it out of the first token if one was put there.
struct MetaspaceDecoder: TokenDecoder {
  let replacement: [UInt8]
  let dropsLeading: Bool

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.enumerated().map { index, token in
      token.replacing(bytes: replacement, with: index == 0 && dropsLeading ? [] : [UInt8(ascii: " ")])
    }
  }
}

/// Writes the mark of a word's end as a space, but for the last token: Hugging Face's `BPEDecoder`.
struct WordEndDecoder: TokenDecoder {
  let suffix: [UInt8]

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.enumerated().map { index, token in
      token.replacing(bytes: suffix, with: index == tokens.count - 1 ? [] : [UInt8(ascii: " ")])
    }
  }
}

/// Joins the tokens within a word to the ones before, and puts spaces between words.
struct WordPieceDecoder: TokenDecoder {
  let prefix: [UInt8]
  /// Whether spaces go that English would not have.
  let cleansUp: Bool

  /// In this order, as Hugging Face does it; the eighth is theirs.
  private static let cleaning: [(dirty: [UInt8], clean: [UInt8])] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { (Array($0.utf8), Array($1.utf8)) }

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.enumerated().map { index, token in
      var text = token
      if index > 0 {
        if token.starts(with: prefix) { text.removeFirst(prefix.count) } else { text.insert(UInt8(ascii: " "), at: 0) }
      }
      return cleansUp ? Self.cleaning.reduce(text) { $0.replacing(bytes: $1.dirty, with: $1.clean) } : text
    }
  }
}

/// Takes a scalar off the ends of each token.
struct StripDecoder: TokenDecoder {
  let content: [UInt8]
  /// How many times at most at the beginning.
  let start: Int
  /// How many times at most at the end.
  let stop: Int

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.map { token in
      var rest = token[...]
      var (startsLeft, stopsLeft) = (start, stop)
      while startsLeft > 0, rest.starts(with: content) {
        rest.removeFirst(content.count)
        startsLeft -= 1
      }
      while stopsLeft > 0, rest.count >= content.count, rest.suffix(content.count).elementsEqual(content) {
        rest.removeLast(content.count)
        stopsLeft -= 1
      }
      return Array(rest)
    }
  }
}
