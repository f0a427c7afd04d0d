import Foundation

/// The ids that mark the end of a text, its beginning and padding; nil where a tokenizer has none.
struct SpecialTokenIds: Sendable {
  let endOfText: Int32?
  let beginOfText: Int32?
  let padding: Int32?

  /// Looks into the files beside tokenizer.json, in this order, then for customary names among the added tokens:
  /// tokenizer_config.json and special_tokens_map.json (names), generation_config.json (ids).
  ///
  /// A file that is absent, and a name that the vocabulary lacks, are passed over.
  init(folder: URL?, vocabulary: Vocabulary, addedTokens: [AddedToken]) throws {
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
    endOfText = try id("eos", customary: ["<|endoftext|>", "</s>"])
    beginOfText = try id("bos", customary: ["<|endoftext|>", "<s>"])
    padding = try id("pad", customary: ["<pad>"])
  }

  private static func file(_ name: String, in folder: URL?) throws -> JSONField? {
    guard let url = folder?.appending(path: name), FileManager.default.fileExists(atPath: url.path) else { return nil }
    return JSONField(file: url.path, path: "", value: try JSONReader.value(at: url))
  }

  /// A token's name, written as a text or as an object with `content`.
  private static func name(_ field: JSONField) throws(TokenizerError) -> String? {
    if field.isNull { return nil }
    if case .object = field.value { return try field["content"].text() }
    return try field.text()
  }

  /// An id, or the first of a list.
  private static func firstId(_ field: JSONField) throws(TokenizerError) -> Int32? {
    if field.isNull { return nil }
    if case .list = field.value { return try field.elements().first?.tokenId() }
    return try field.tokenId()
  }
}
