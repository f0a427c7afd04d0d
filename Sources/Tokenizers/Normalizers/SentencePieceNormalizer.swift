/// SentencePiece's own normalizer: at each place the longest text that the character map knows, spaces trimmed and
/// collapsed, written as "▁", and one put in front, each if the model asks for it.
struct SentencePieceNormalizer: Normalizer {
  let map: CharacterMap?
  /// Texts that stay as they are.
  let fixedTokens: TokenTrie?
  let addsDummyPrefix: Bool
  /// Whether that space goes behind the text.
  let marksWordsAtTheirEnd: Bool
  let removesExtraSpaces: Bool
  let escapesSpaces: Bool

  private static let space = UInt8(ascii: " ")

  private var metaspace: [UInt8] { escapesSpaces ? Array(Metaspace.text.utf8) : [Self.space] }

  var keepsBeginning: Bool { !removesExtraSpaces }

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    var index = 0
    while removesExtraSpaces, index < text.count {
      let match = match(at: index, in: text)
      guard isSpace(match, at: index, in: text) else { break }
      index += match.byteCount
    }
    guard index < text.count else { return }
    let start = output.count
    let metaspace = metaspace
    if addsDummyPrefix, !marksWordsAtTheirEnd { output.append(contentsOf: metaspace) }
    var followsSpace = removesExtraSpaces

    func append(_ byte: UInt8) {
      if byte != Self.space {
        output.append(byte)
        followsSpace = false
      } else if !followsSpace {
        output.append(contentsOf: metaspace)
      }
    }
    while index < text.count {
      let match = match(at: index, in: text)
      var endsInSpace = followsSpace
      if let mapped = match.text {
        for byte in mapped { append(byte) }
        if let last = mapped.last { endsInSpace = last == Self.space }
      } else {
        for position in index..<index + match.byteCount { append(text[position]) }
        endsInSpace = text[index + match.byteCount - 1] == Self.space
      }
      followsSpace = removesExtraSpaces && endsInSpace
      index += match.byteCount
    }
    while removesExtraSpaces, output.count > start, output.suffix(metaspace.count).elementsEqual(metaspace) {
      output.removeLast(metaspace.count)
    }
    if addsDummyPrefix, marksWordsAtTheirEnd { output.append(contentsOf: metaspace) }
  }

  /// How many bytes at `index` are looked at together, and what they become; nil if they stay as they are.
  private func match(at index: Int, in text: Span<UInt8>) -> (byteCount: Int, text: ArraySlice<UInt8>?) {
    if let match = fixedTokens?.longestMatch(index..<text.count, of: text) { return (match.end - index, nil) }
    if let match = map?.longestMatch(index..<text.count, of: text) { return (match.byteCount, match.text) }
    return (text.scalar(at: index).byteCount, nil)
  }

  private func isSpace(
    _ match: (byteCount: Int, text: ArraySlice<UInt8>?), at index: Int, in text: Span<UInt8>
  ) -> Bool {
    match.text.map { $0 == [Self.space] } ?? (match.byteCount == 1 && text[index] == Self.space)
  }
}
