/// What a word is before any merge: the tokens of its scalars or bytes, and what stands for those without a token.
struct SymbolTable: Sendable {
  /// Marks tokens that do not begin a word.
  let prefix: String
  /// Marks tokens that end a word.
  private let suffix: String
  private let spellsBytes: Bool
  private let vocabulary: Vocabulary
  /// The token of each byte, or where text is read of each ASCII scalar; −1 where there is none.
  private let byteIds: [Int32]
  /// Whether bytes are read and each has a token of its own.
  private let coversBytes: Bool
  /// The token of each other scalar that has one.
  private let scalarIds: [UInt32: Int32]
  /// With `byte_fallback`, the tokens `<0x00>` to `<0xFF>`.
  private let fallbackIds: [Int32]?
  private let unknownId: Int32?
  /// Whether unknown scalars that follow each other are one.
  private let fusesUnknown: Bool
  /// What each stand-in becomes after the merges, by how far its id is beyond the vocabulary.
  private let substitutes: [[Int32]]

  /// Reads `model`, whose vocabulary is `vocabulary`.
  init(_ field: JSONField, vocabulary: Vocabulary, spellsBytes: Bool) throws(TokenizerError) {
    prefix = try field["continuing_subword_prefix"].text(default: "")
    suffix = try field["end_of_word_suffix"].text(default: "")
    self.spellsBytes = spellsBytes
    self.vocabulary = vocabulary
    let isPlain = prefix.isEmpty && suffix.isEmpty
    byteIds = Self.byteIds(vocabulary, spellsBytes: spellsBytes)
    scalarIds = Self.scalarIds(vocabulary)
    fusesUnknown = try field["fuse_unk"].flag(default: false)
    fallbackIds = try field["byte_fallback"].flag(default: false) ? ByteTokens.ids(in: vocabulary) : nil
    substitutes = []
    // With a token for every byte nothing is ever unknown, whatever the file says about it.
    coversBytes = spellsBytes && isPlain && !byteIds.contains(-1)
    if coversBytes {
      unknownId = nil
    } else if field["unk_token"].isNull {
      unknownId = nil
    } else {
      let unknown = try field["unk_token"].text()
      guard let id = vocabulary.id(for: unknown) else {
        throw field["unk_token"].problem("is \"\(unknown)\", which the vocabulary lacks")
      }
      unknownId = id
    }
  }

  /// The symbols of a SentencePiece model. Scalars that occur in tokens and are none have stand-ins in `scalarIds`: ids
  /// beyond the vocabulary until the merges are done, that then become their `substitutes`.
  init(
    _ vocabulary: Vocabulary, scalarIds: [UInt32: Int32], unknownId: Int32, fallsBackToBytes: Bool,
    substitutes: [[Int32]]
  ) {
    prefix = ""
    suffix = ""
    spellsBytes = false
    coversBytes = false
    self.vocabulary = vocabulary
    byteIds = (0..<128).map { scalarIds[$0] ?? -1 }
    self.scalarIds = scalarIds
    self.unknownId = unknownId
    fusesUnknown = true
    fallbackIds = fallsBackToBytes ? ByteTokens.ids(in: vocabulary) : nil
    self.substitutes = substitutes
  }

  /// Whether tokens are not marked for their place in a word.
  var isPlain: Bool { prefix.isEmpty && suffix.isEmpty }

  private static func byteIds(_ vocabulary: Vocabulary, spellsBytes: Bool) -> [Int32] {
    if spellsBytes { return ByteLevelAlphabet.scalars.map { vocabulary.id(for: String($0)) ?? -1 } }
    return (UInt8(0)..<128).map { vocabulary.id(for: String(Unicode.Scalar($0))) ?? -1 }
  }

  private static func scalarIds(_ vocabulary: Vocabulary) -> [UInt32: Int32] {
    var ids: [UInt32: Int32] = [:]
    for (token, id) in vocabulary.entries where token.unicodeScalars.count == 1 {
      ids[token.unicodeScalars.first!.value] = id
    }
    return ids
  }

  /// The word as the vocabulary spells it.
  func text(of range: Range<Int>, in bytes: Span<UInt8>) -> String {
    spellsBytes
      ? ByteLevelAlphabet.text(for: range, of: bytes) : String(decoding: bytes.array(range), as: UTF8.self)
  }

  /// Appends the symbols of a word to `workspace`.
  func append(
    _ range: Range<Int>, of bytes: Span<UInt8>, fixedTokens: TokenTrie?, to workspace: inout MergeWorkspace
  ) {
    if coversBytes {
      for index in range { workspace.append(byteIds[Int(bytes[index])]) }
      return
    }
    var pendingUnknown = false
    var index = range.lowerBound
    while index < range.upperBound {
      var end = spellsBytes ? index + 1 : index + bytes.scalar(at: index).byteCount
      var id = self.id(of: index..<end, in: bytes, word: range)
      if let match = fixedTokens?.longestMatch(index..<range.upperBound, of: bytes) { (id, end) = match }
      if id >= 0 {
        if pendingUnknown { workspace.append(unknownId!) }
        pendingUnknown = false
        workspace.append(id)
      } else if !appendFallback(of: index..<end, in: bytes, word: range, to: &workspace), unknownId != nil {
        if pendingUnknown, !fusesUnknown { workspace.append(unknownId!) }
        pendingUnknown = true
      }
      index = end
    }
    if pendingUnknown { workspace.append(unknownId!) }
  }

  /// The token of a scalar or byte of a word, negative if there is none.
  @inline(__always)
  private func id(of symbol: Range<Int>, in bytes: Span<UInt8>, word: Range<Int>) -> Int32 {
    guard isPlain else { return vocabulary.id(for: markedText(of: symbol, in: bytes, word: word)) ?? -1 }
    let first = bytes[symbol.lowerBound]
    if spellsBytes || first < 0x80 { return byteIds[Int(first)] }
    return scalarIds[bytes.scalar(at: symbol.lowerBound).scalar.value] ?? -1
  }

  /// The text of a scalar or byte with the marks of its place in the word.
  private func markedText(of symbol: Range<Int>, in bytes: Span<UInt8>, word: Range<Int>) -> String {
    (symbol.lowerBound > word.lowerBound ? prefix : "") + text(of: symbol, in: bytes)
      + (symbol.upperBound == word.upperBound ? suffix : "")
  }

  /// Appends the byte tokens of a symbol without a token, if there are all.
  private func appendFallback(
    of symbol: Range<Int>, in bytes: Span<UInt8>, word: Range<Int>, to workspace: inout MergeWorkspace
  ) -> Bool {
    guard let fallbackIds else { return false }
    let ids = markedText(of: symbol, in: bytes, word: word).utf8.map { fallbackIds[Int($0)] }
    guard !ids.contains(-1) else { return false }
    for id in ids { workspace.append(id) }
    return true
  }

  /// Puts what they stand for in place of the stand-ins among `ids` from `start` on.
  func spellSubstitutes(in ids: inout [Int32], from start: Int) {
    if substitutes.isEmpty { return }
    let first = Int32(vocabulary.count)
    guard ids[start...].contains(where: { $0 >= first }) else { return }
    let spelled = ids[start...].flatMap { $0 >= first ? substitutes[Int($0 - first)] : [$0] }
    ids.replaceSubrange(start..., with: spelled)
  }
}
