/// WordPiece (Wu et al. 2016): from the left the longest token each time, those within a word marked by a prefix.
struct WordPieceModel: SubwordModel {
  private let trie: TokenTrie
  /// Where the trie is after the prefix of tokens within a word; negative if no token has it.
  private let continuation: Int32
  private let unknownId: Int32
  /// Longer words are unknown.
  private let mostScalars: Int

  /// Reads `model`, whose vocabulary is `vocabulary`.
  init(_ field: JSONField, vocabulary: Vocabulary) throws(TokenizerError) {
    let unknown = try field["unk_token"].text()
    guard let id = vocabulary.id(for: unknown) else {
      throw field["unk_token"].problem("is \"\(unknown)\", which the vocabulary lacks")
    }
    unknownId = id
    mostScalars = try field["max_input_chars_per_word"].count()
    trie = TokenTrie(vocabulary.entries.filter { !$0.token.isEmpty }.map { (Array($0.token.utf8), $0.id) })
    continuation = trie.node(of: Array(try field["continuing_subword_prefix"].text().utf8))
  }

  func append(_ range: Range<Int>, of bytes: Span<UInt8>, to ids: inout [Int32], in workspace: inout ModelWorkspace) {
    let first = ids.count
    var start = range.lowerBound
    while start < range.upperBound {
      let node = start == range.lowerBound ? TokenTrie.root : continuation
      guard node >= 0, let match = trie.longestMatch(start..<range.upperBound, of: bytes, from: node) else { break }
      ids.append(match.id)
      start = match.end
    }
    guard start < range.upperBound || isTooLong(range, of: bytes) else { return }
    ids.removeLast(ids.count - first)
    ids.append(unknownId)
  }

  private func isTooLong(_ range: Range<Int>, of bytes: Span<UInt8>) -> Bool {
    guard range.count > mostScalars else { return false }
    return range.count { bytes[$0] & 0xC0 != 0x80 } > mostScalars
  }
}
