import Foundation

/// What a tokenizer.json says, each part read and checked.
struct TokenizerFile {
  /// The model's tokens and the added ones.
  let vocabulary: Vocabulary
  let addedTokens: [AddedToken]
  let preTokenizer: ByteLevelPreTokenizer
  let model: BytePairModel
  let template: SequenceTemplate

  /// Reads the file at `url`. Its `truncation` and `padding` are not looked at: lengths are the caller's business,
  /// as with Hugging Face's transformers, which resets both.
  init(_ url: URL) throws {
    let root = JSONField(file: url.path, path: "", value: try JSONReader.value(at: url))
    guard case .object = root.value else { throw root.problem("must hold an object, but is \(root.value.kind)") }
    guard !root["model"].isNull else { throw root["model"].problem("is missing: this is no tokenizer.json") }

    let normalizer = root["normalizer"]
    if let type = try normalizer.type() { throw normalizer.unsupported(type, supported: "null") }
    let decoder = root["decoder"]
    guard try decoder.type() == "ByteLevel" else {
      throw decoder.unsupported(try decoder.type() ?? "null", supported: "ByteLevel")
    }
    let modelVocabulary = try Vocabulary(root["model"]["vocab"])
    preTokenizer = try ByteLevelPreTokenizer(root["pre_tokenizer"])
    model = try BytePairModel(root["model"], vocabulary: modelVocabulary)
    template = try SequenceTemplate(root["post_processor"])
    (addedTokens, vocabulary) = try Self.addTokens(root["added_tokens"], to: modelVocabulary)
  }

  /// Reads the added tokens and gives the vocabulary those that it lacks.
  private static func addTokens(
    _ field: JSONField, to modelVocabulary: Vocabulary
  ) throws(TokenizerError) -> ([AddedToken], Vocabulary) {
    var vocabulary = modelVocabulary
    var tokens: [AddedToken] = []
    // Hugging Face numbers tokens that the model lacks from here on, whatever the file says.
    var nextId = modelVocabulary.count
    for element in try field.elements() {
      let token = try AddedToken(element)
      if token.content.isEmpty { continue }
      let known = vocabulary.id(for: token.content)
      let expected = known.map(Int.init) ?? nextId
      guard token.id == expected else {
        throw .addedTokenId(file: field.file, token: token.content, found: Int(token.id), expected: expected)
      }
      if known == nil {
        if let other = vocabulary.token(for: token.id) {
          throw element.problem("gives \"\(token.content)\" the id \(token.id), which \"\(other)\" has")
        }
        vocabulary.insert(token.content, id: token.id)
      }
      nextId = max(nextId, Int(token.id) + 1)
      tokens.append(token)
    }
    return (tokens, vocabulary)
  }
}
