import Foundation

/// What a tokenizer is made of, whatever file it comes from.
struct TokenizerParts {
  /// The model's tokens and the added ones.
  let vocabulary: Vocabulary
  let addedTokens: [AddedToken]
  let normalizer: (any Normalizer)?
  let preTokenizer: (any PreTokenizer)?
  let model: any SubwordModel
  let template: SequenceTemplate
  let decoder: any TokenDecoder
  /// The files that ids depend on, the tokenizer's own first.
  let files: [URL]
}

extension TokenizerParts {
  /// Reads the tokenizer.json at `url`. Its `truncation` and `padding` are not looked at: lengths are the caller's
  /// business, as with Hugging Face's transformers, which resets both.
  init(tokenizerFile url: URL) throws {
    let root = try JSONField(file: url)
    guard case .object = root.value else { throw root.problem("must hold an object, but is \(root.value.kind)") }
    guard !root["model"].isNull else { throw root["model"].problem("is missing: this is no tokenizer.json") }
    let tokens = try root["added_tokens"].elements().map { token throws(TokenizerError) in try AddedToken(token) }
    try self.init(root, addedTokens: tokens, files: [url])
  }

  /// Reads the parts that `root` describes as a tokenizer.json does, but for its added tokens.
  init(_ root: JSONField, addedTokens tokens: [AddedToken], files: [URL]) throws {
    normalizer = try readNormalizer(root["normalizer"])
    preTokenizer = try readPreTokenizer(root["pre_tokenizer"])
    if let preTokenizer, preTokenizer.dependsOnBeginning, normalizer?.keepsBeginning == false {
      throw root["pre_tokenizer"].unsupported(
        "Metaspace with prepend_scheme first behind a normalizer that may remove the text's beginning",
        supported: "prepend_scheme always or never there")
    }
    let modelVocabulary: Vocabulary
    (model, modelVocabulary) = try readModel(root["model"], spellsBytes: preTokenizer?.spellsBytes ?? false)
    template = try readPostProcessor(root["post_processor"])
    decoder = try readDecoder(root["decoder"])
    addedTokens = tokens.filter { !$0.content.isEmpty }
    vocabulary = try Self.vocabulary(modelVocabulary, with: addedTokens, root["added_tokens"])
    self.files = files
  }

  /// The vocabulary with those of the added tokens that the model's lacks.
  private static func vocabulary(
    _ modelVocabulary: Vocabulary, with tokens: [AddedToken], _ field: JSONField
  ) throws(TokenizerError) -> Vocabulary {
    var vocabulary = modelVocabulary
    // Hugging Face numbers tokens that the model lacks from here on, whatever the file says.
    var nextId = modelVocabulary.count
    for token in tokens {
      let known = vocabulary.id(for: token.content)
      let expected = known.map(Int.init) ?? nextId
      guard token.id == expected else {
        throw .addedTokenId(file: field.file, token: token.content, found: Int(token.id), expected: expected)
      }
      if known == nil {
        if let other = vocabulary.token(for: token.id) {
          throw field.problem("gives \"\(token.content)\" the id \(token.id), which \"\(other)\" has")
        }
        vocabulary.insert(token.content, id: token.id)
      }
      nextId = max(nextId, Int(token.id) + 1)
    }
    return vocabulary
  }
}
