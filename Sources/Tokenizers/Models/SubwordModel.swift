/// Turns words into token ids: the part `model` of a tokenizer.json.
protocol SubwordModel: Sendable {
  /// Appends the ids of the word that `range` of `bytes` spells, which is not empty.
  func append(_ range: Range<Int>, of bytes: Span<UInt8>, to ids: inout [Int32], in workspace: inout ModelWorkspace)

  /// A text before which words may be cut further without a change of ids, wherever other text precedes it; nil if
  /// there is none. Shorter words are met again more often.
  var wordBeginning: [UInt8]? { get }
}

extension SubwordModel {
  var wordBeginning: [UInt8]? { nil }
}

/// What a model needs to itself while it works on a word, reused from word to word.
struct ModelWorkspace: Sendable {
  var merging = MergeWorkspace()
  var path = BestPath()
}

/// Reads `model` and its vocabulary; `spellsBytes` says whether it is given bytes in place of text.
func readModel(
  _ field: JSONField, spellsBytes: Bool
) throws(TokenizerError) -> (model: any SubwordModel, vocabulary: Vocabulary) {
  // Files older than the key have none; only BPE has merges.
  let type = try field["type"].isNull && !field["merges"].isNull ? "BPE" : field.type()
  if type == "BPE" {
    let vocabulary = try Vocabulary(field["vocab"])
    return (try BytePairModel(field, vocabulary: vocabulary, spellsBytes: spellsBytes), vocabulary)
  }
  if spellsBytes, let type { throw field.unsupported("\(type) after ByteLevel", supported: "BPE there") }
  switch type {
  case "Unigram":
    let model = try UnigramModel(field)
    return (model, model.vocabulary)
  case "WordPiece":
    let vocabulary = try Vocabulary(field["vocab"])
    return (try WordPieceModel(field, vocabulary: vocabulary), vocabulary)
  default: throw field.unsupported(type ?? "null", supported: "BPE, Unigram, WordPiece")
  }
}
