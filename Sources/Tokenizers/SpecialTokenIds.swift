import Foundation

/// The ids of tokens with a role; nil where a tokenizer has none.
public struct SpecialTokenIds: Sendable, Equatable {
  /// Ends a text.
  public let endOfText: Int32?
  /// Begins a text.
  public let beginOfText: Int32?
  /// Pads.
  public let padding: Int32?
  /// Stands for what has no token.
  public let unknown: Int32?
  /// Begins a text to be classified, as in BERT.
  public let classification: Int32?
  /// Ends each text of a pair, as in BERT.
  public let separator: Int32?
  /// Stands for a token to be guessed.
  public let mask: Int32?

  /// Looks into the files beside tokenizer.json, in this order, then for customary names among the added tokens:
  /// tokenizer_config.json and special_tokens_map.json (names), generation_config.json (ids).
  ///
  /// A file that is absent, and a name that the vocabulary lacks, are passed over.
  init(folder: URL, vocabulary: Vocabulary, addedTokens: [AddedToken]) throws {
    let names = try ["tokenizer_config.json", "special_tokens_map.json"].compactMap { try Self.file($0, in: folder) }
    let generation = try Self.file("generation_config.json", in: folder)

    func id(_ role: String, customary: [String]) throws -> Int32? {
      for file in names {
        if let name = try Self.name(file["\(role)_token"]), let id = vocabulary.id(for: name) { return id }
      }
      if let field = generation?["\(role)_token_id"], let id = try Self.firstId(field) { return id }
      let added = Set(addedTokens.map(\.content))
      return customary.first(where: added.contains).flatMap(vocabulary.id)
    }
    endOfText = try id("eos", customary: ["<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>"])
    beginOfText = try id("bos", customary: ["<|endoftext|>", "<s>", "<bos>", "<|begin_of_text|>"])
    padding = try id("pad", customary: ["<pad>", "[PAD]"])
    unknown = try id("unk", customary: ["<unk>", "[UNK]"])
    classification = try id("cls", customary: ["[CLS]"])
    separator = try id("sep", customary: ["[SEP]"])
    mask = try id("mask", customary: ["<mask>", "[MASK]"])
  }

  /// The JSON file `name` in `folder`, nil if there is none.
  static func file(_ name: String, in folder: URL) throws -> JSONField? {
    let url = folder.appending(path: name)
    return FileManager.default.fileExists(atPath: url.path) ? try JSONField(file: url) : nil
  }

  /// A token's name, written as a text or as an object with `content`.
  static func name(_ field: JSONField) throws(TokenizerError) -> String? {
    if field.isNull { return nil }
    if case .object = field.value { return try field["content"].text() }
    return try field.text()
  }

  /// An id, or the first of a list.
  private static func firstId(_ field: JSONField) throws(TokenizerError) -> Int32? {
    if field.isNull { return nil }
    if case .array = field.value { return try field.elements().first?.tokenId() }
    return try field.tokenId()
  }
}
