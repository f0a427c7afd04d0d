/// Cuts text by GPT-2's pattern and has the model read bytes in the printable alphabet: Hugging Face's `ByteLevel`.
struct ByteLevelPreTokenizer: PreTokenizer {
  /// Whether a word that does not begin with a space gets one, before the pattern cuts.
  private let addsPrefixSpace: Bool
  private let usesPattern: Bool

  /// Reads a part of type `ByteLevel`. Its `trim_offsets` does not change ids.
  init(_ field: JSONField) throws(TokenizerError) {
    addsPrefixSpace = try field["add_prefix_space"].flag()
    usesPattern = try field["use_regex"].flag(default: true)
  }

  var spellsBytes: Bool { true }

  func cut(_ text: inout CutText) {
    addPrefixSpaces(to: &text)
    guard usesPattern else { return }
    text.replaceWords { word, bytes, words in forEachMatch(in: word, of: bytes) { match, _ in words.append(match) } }
  }

  // Words need no array when the model reads them next.
  func forEachWord(of text: inout CutText, _ body: (Range<Int>, Span<UInt8>) -> Void) {
    addPrefixSpaces(to: &text)
    text.forEachWord { word, bytes in
      if usesPattern { forEachMatch(in: word, of: bytes, body) } else { body(word, bytes) }
    }
  }

  private func addPrefixSpaces(to text: inout CutText) {
    guard addsPrefixSpace else { return }
    text.prefixWords([UInt8(ascii: " ")]) { word, bytes in bytes[word.lowerBound] != UInt8(ascii: " ") }
  }

  @inline(__always)
  private func forEachMatch(in word: Range<Int>, of bytes: Span<UInt8>, _ body: (Range<Int>, Span<UInt8>) -> Void) {
    var start = word.lowerBound
    while start < word.upperBound {
      let end = GPT2Pattern.endOfMatch(from: start, in: bytes, limit: word.upperBound)
      body(Range(uncheckedBounds: (start, end)), bytes)
      start = end
    }
  }
}
