/// Where special tokens go around one text or two: what a post-processor does to ids.
struct SequenceTemplate: Sendable {
  /// An element of a template.
  enum Part: Sendable, Equatable {
    case special([Int32])
    case first
    case second
  }

  private var single: [Part] = [.first]
  private var pair: [Part] = [.first, .second]

  /// Reads `post_processor`.
  init(_ field: JSONField) throws(TokenizerError) {
    switch try field.type() {
    case nil, "ByteLevel": break  // ByteLevel trims offsets only.
    case "RobertaProcessing":
      let start = try Self.namedId(field["cls"])
      let end = try Self.namedId(field["sep"])
      single = [.special([start]), .first, .special([end])]
      pair = [.special([start]), .first, .special([end, end]), .second, .special([end])]
    case "TemplateProcessing":
      let specials = field["special_tokens"]
      single = try field["single"].elements().map { field throws(TokenizerError) in try Self.part(field, specials) }
      pair = try field["pair"].elements().map { field throws(TokenizerError) in try Self.part(field, specials) }
    case let type?:
      throw field.unsupported(type, supported: "null, ByteLevel, RobertaProcessing, TemplateProcessing")
    }
  }

  /// One text's ids with its special tokens, or without.
  func ids(_ first: [Int32], addSpecialTokens: Bool) -> [Int32] {
    addSpecialTokens ? fill(single, first, [], addSpecialTokens: true) : first
  }

  /// Two texts' ids with their special tokens, or without.
  func ids(_ first: [Int32], _ second: [Int32], addSpecialTokens: Bool) -> [Int32] {
    fill(pair, first, second, addSpecialTokens: addSpecialTokens)
  }

  private func fill(_ parts: [Part], _ first: [Int32], _ second: [Int32], addSpecialTokens: Bool) -> [Int32] {
    if parts == [.first] { return first }
    var ids: [Int32] = []
    for part in parts {
      switch part {
      case .special(let special): if addSpecialTokens { ids += special }
      case .first: ids += first
      case .second: ids += second
      }
    }
    return ids
  }

  /// The id in `["</s>", 2]`.
  private static func namedId(_ field: JSONField) throws(TokenizerError) -> Int32 {
    let elements = try field.elements()
    guard elements.count == 2 else { throw field.problem("must be a token and its id, but is \(field.value.kind)") }
    return try elements[1].tokenId()
  }

  /// A template's element: `{"Sequence": {"id": "A"}}` or `{"SpecialToken": {"id": name}}`.
  private static func part(_ field: JSONField, _ specials: JSONField) throws(TokenizerError) -> Part {
    if !field["SpecialToken"].isNull {
      let ids = specials[try field["SpecialToken"]["id"].text()]["ids"]
      if ids.isNull { throw ids.problem("is missing, but the template uses it") }
      return .special(try ids.elements().map { id throws(TokenizerError) in try id.tokenId() })
    }
    switch try field["Sequence"]["id"].text() {
    case "A": return .first
    case "B": return .second
    case let other: throw field.problem("names sequence \"\(other)\"; A and B exist")
    }
  }
}
