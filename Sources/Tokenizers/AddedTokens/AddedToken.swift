/// A token that is looked for in the text itself, before anything else.
struct AddedToken: Sendable {
  let content: String
  let id: Int32
  /// Whether `decode` may skip it.
  let isSpecial: Bool
  /// Whether it counts only with no word scalar at its sides.
  let isSingleWord: Bool
  /// Whether it takes the white space before it along.
  let stripsLeft: Bool
  /// Whether it takes the white space after it along.
  let stripsRight: Bool
  /// Whether it is looked for in normalized text, after those that are not.
  let isNormalized: Bool

  /// A token that is found as it stands, wherever it stands.
  init(content: String, id: Int32, isSpecial: Bool) {
    self.content = content
    self.id = id
    self.isSpecial = isSpecial
    isSingleWord = false
    stripsLeft = false
    stripsRight = false
    isNormalized = false
  }

  /// Reads an element of `added_tokens`.
  init(_ field: JSONField) throws(TokenizerError) {
    try self.init(field, id: field["id"].tokenId())
  }

  /// Reads a member of `added_tokens_decoder`, whose key is the id.
  init(_ field: JSONField, id: String) throws(TokenizerError) {
    guard let number = Int32(id), Vocabulary.idRange.contains(Int(number)) else {
      throw field.problem("must stand under a token id, but stands under \"\(id)\"")
    }
    try self.init(field, id: number)
  }

  /// Reads a special token that a configuration names under its role, with flags.
  init(special field: JSONField, id: Int32) throws(TokenizerError) {
    try self.init(field, id: id, default: false, isSpecial: true)
  }

  private init(
    _ field: JSONField, id: Int32, default fallback: Bool? = nil, isSpecial: Bool? = nil
  ) throws(TokenizerError) {
    content = try field["content"].text()
    self.id = id
    self.isSpecial = if let isSpecial { isSpecial } else { try field["special"].flag() }
    isSingleWord = try field["single_word"].flag(default: fallback)
    stripsLeft = try field["lstrip"].flag(default: fallback)
    stripsRight = try field["rstrip"].flag(default: fallback)
    isNormalized = try field["normalized"].flag(default: fallback)
  }
}
