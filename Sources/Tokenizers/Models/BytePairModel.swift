/// Byte-pair encoding: Hugging Face's `BPE` model, over the scalars of text or over bytes.
struct BytePairModel: SubwordModel {
  private let symbols: SymbolTable
  private let merges: MergeTable
  /// With `ignore_merges`, the vocabulary: a word that is in it needs no merging.
  private let wholeWords: Vocabulary?
  /// Tokens that text becomes before any merge; with SentencePiece's files only.
  private let fixedTokens: TokenTrie?
  let wordBeginning: [UInt8]?

  /// Reads `model`, whose vocabulary is `vocabulary`.
  init(_ field: JSONField, vocabulary: Vocabulary, spellsBytes: Bool) throws(TokenizerError) {
    let dropout = field["dropout"]
    guard [.null, .int(0), .double(0)].contains(dropout.value) else {
      throw dropout.unsupported(dropout.value.kind, supported: "null or 0")
    }
    symbols = try SymbolTable(field, vocabulary: vocabulary, spellsBytes: spellsBytes)
    let list = try MergeList(field["merges"], prefix: symbols.prefix)
    merges = try list.table(vocabulary)
    let ignoresMerges = try field["ignore_merges"].flag(default: false)
    wholeWords = ignoresMerges ? vocabulary : nil
    fixedTokens = nil
    let mayCut = !spellsBytes && !ignoresMerges && symbols.isPlain
    wordBeginning = mayCut ? list.wordBeginning(vocabulary) : nil
  }

  init(symbols: SymbolTable, merges: MergeTable, fixedTokens: TokenTrie?, wordBeginning: [UInt8]?) {
    self.symbols = symbols
    self.merges = merges
    self.fixedTokens = fixedTokens
    self.wordBeginning = wordBeginning
    wholeWords = nil
  }

  func append(_ range: Range<Int>, of bytes: Span<UInt8>, to ids: inout [Int32], in workspace: inout ModelWorkspace) {
    if let id = wholeWords?.id(for: symbols.text(of: range, in: bytes)) {
      ids.append(id)
      return
    }
    workspace.merging.begin()
    symbols.append(range, of: bytes, fixedTokens: fixedTokens, to: &workspace.merging)
    let start = ids.count
    workspace.merging.merge(by: merges, into: &ids)
    symbols.spellSubstitutes(in: &ids, from: start)
  }
}
