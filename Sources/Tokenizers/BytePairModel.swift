/// Byte-level byte-pair encoding: Hugging Face's `BPE` model over the byte-level alphabet.
struct BytePairModel: Sendable {
  /// The token of each single byte; −1 where the vocabulary lacks it: Hugging Face drops such bytes.
  private let byteIds: [Int32]
  private let merges: MergeTable
  /// With `ignore_merges`, the vocabulary: a word that is in it needs no merging.
  private let wholeWords: Vocabulary?

  /// Reads `model`, whose vocabulary is `vocabulary`.
  init(_ field: JSONField, vocabulary: Vocabulary) throws(TokenizerError) {
    byteIds = ByteLevelAlphabet.scalars.map { vocabulary.id(for: String($0)) ?? -1 }
    try Self.checkOptions(field, knowsEveryByte: !byteIds.contains(-1))
    wholeWords = try field["ignore_merges"].flag(default: false) ? vocabulary : nil
    merges = try Self.mergeTable(field["merges"], vocabulary)
  }

  /// Appends the ids of the word that `range` of `bytes` spells.
  func append(_ range: Range<Int>, of bytes: Span<UInt8>, to ids: inout [Int32], in workspace: inout MergeWorkspace) {
    if let id = wholeWords?.id(for: ByteLevelAlphabet.text(for: range, of: bytes)) {
      ids.append(id)
      return
    }
    workspace.begin()
    for index in range {
      let id = byteIds[Int(bytes[index])]
      if id >= 0 { workspace.append(id) }
    }
    workspace.merge(by: merges, into: &ids)
  }

  // MARK: - Reading

  private static func checkOptions(_ field: JSONField, knowsEveryByte: Bool) throws(TokenizerError) {
    // Files older than the key have none; only BPE has merges.
    let type = try field["type"].isNull && !field["merges"].isNull ? "BPE" : field.type()
    guard type == "BPE" else { throw field.unsupported(type ?? "null", supported: "BPE") }
    let dropout = field["dropout"]
    guard [.null, .integer(0), .real(0)].contains(dropout.value) else {
      throw dropout.unsupported(dropout.value.kind, supported: "null or 0")
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      let affix = field[key]
      guard [.null, .text("")].contains(affix.value) else {
        throw affix.unsupported(affix.value.kind, supported: "null or \"\"")
      }
    }
    // With a token for every byte nothing is ever unknown, so these two are without effect.
    if knowsEveryByte { return }
    guard field["unk_token"].isNull else {
      throw field["unk_token"].unsupported(field["unk_token"].value.kind, supported: "null, or a token for every byte")
    }
    if try field["byte_fallback"].flag(default: false) {
      throw field["byte_fallback"].unsupported("true", supported: "false, or a token for every byte")
    }
  }

  private static func mergeTable(_ field: JSONField, _ vocabulary: Vocabulary) throws(TokenizerError) -> MergeTable {
    guard case .list(let lines) = field.value else {
      throw field.problem("must be a list, but is \(field.value.kind)")
    }
    var table = MergeTable(count: lines.count)
    for (rank, line) in lines.enumerated() {
      if case .text(let text) = line, text.hasPrefix("#version") { continue }
      guard let (left, right) = pair(line) else {
        throw field.problem("[\(rank)] must be two tokens, but is \(line.kind)")
      }
      guard let leftId = vocabulary.id(for: left), let rightId = vocabulary.id(for: right),
        let id = vocabulary.id(for: left + right)
      else {
        throw field.problem(
          "[\(rank)] joins \"\(left)\" and \"\(right)\", but the vocabulary lacks one of them or the result")
      }
      table.insert(leftId, rightId, .init(rank: Int32(rank), id: id))
    }
    return table
  }

  /// The two tokens of a merge, written `["a", "b"]` or `"a b"`.
  private static func pair(_ line: JSONValue) -> (String, String)? {
    switch line {
    case .list(let parts):
      guard parts.count == 2, case .text(let left) = parts[0], case .text(let right) = parts[1] else { return nil }
      return (left, right)
    case .text(let text):
      let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard parts.count == 2 else { return nil }
      return (String(Substring(parts[0])), String(Substring(parts[1])))
    default: return nil
    }
  }
}
