/// Reads `post_processor`.
func readPostProcessor(_ field: JSONField) throws(TokenizerError) -> SequenceTemplate {
  switch try field.type() {
  case nil, "ByteLevel": return .plain  // ByteLevel trims offsets only.
  case "BertProcessing": return try .bert(field)
  case "RobertaProcessing": return try .roberta(field)
  case "TemplateProcessing": return try .template(field)
  case "Sequence":
    var result = SequenceTemplate.plain
    for element in try field["processors"].elements() {
      let template = try readPostProcessor(element)
      if template == .plain { continue }
      guard result == .plain else {
        throw field.unsupported("two processors that add tokens", supported: "one of them in a Sequence")
      }
      result = template
    }
    return result
  case let type?:
    throw field.unsupported(
      type, supported: "null, BertProcessing, ByteLevel, RobertaProcessing, Sequence, TemplateProcessing")
  }
}

extension SequenceTemplate {
  /// Begin, text, separator; then the second text and a separator of type 1.
  fileprivate static func bert(_ field: JSONField) throws(TokenizerError) -> SequenceTemplate {
    let start = Part(.special([try namedId(field["cls"])]))
    let separator = try namedId(field["sep"])
    return SequenceTemplate(
      single: [start, Part(.first), Part(.special([separator]))],
      pair: [
        start, Part(.first), Part(.special([separator])), Part(.second, type: 1), Part(.special([separator]), type: 1),
      ])
  }

  /// Begin, text, end; two ends between texts. All tokens are of type 0.
  fileprivate static func roberta(_ field: JSONField) throws(TokenizerError) -> SequenceTemplate {
    let start = Part(.special([try namedId(field["cls"])]))
    let end = try namedId(field["sep"])
    return SequenceTemplate(
      single: [start, Part(.first), Part(.special([end]))],
      pair: [start, Part(.first), Part(.special([end, end])), Part(.second), Part(.special([end]))])
  }

  fileprivate static func template(_ field: JSONField) throws(TokenizerError) -> SequenceTemplate {
    let specials = field["special_tokens"]
    return SequenceTemplate(
      single: try templateParts(field["single"], specials), pair: try templateParts(field["pair"], specials))
  }

  private static func templateParts(_ field: JSONField, _ specials: JSONField) throws(TokenizerError) -> [Part] {
    if field.isNull { throw field.problem("is missing") }
    return try field.elements().map { part throws(TokenizerError) in try templatePart(part, specials) }
  }

  /// The id in `["</s>", 2]`.
  private static func namedId(_ field: JSONField) throws(TokenizerError) -> Int32 {
    let elements = try field.elements()
    guard elements.count == 2 else { throw field.problem("must be a token and its id, but is \(field.value.kind)") }
    return try elements[1].tokenId()
  }

  /// A template's element: `{"Sequence": {"id": "A", "type_id": 0}}` or `{"SpecialToken": {"id": name, "type_id": 0}}`.
  private static func templatePart(_ field: JSONField, _ specials: JSONField) throws(TokenizerError) -> Part {
    let special = field["SpecialToken"]
    if !special.isNull {
      let ids = specials[try special["id"].text()]["ids"]
      if ids.isNull { throw ids.problem("is missing, but the template uses it") }
      let list = try ids.elements().map { id throws(TokenizerError) in try id.tokenId() }
      return Part(.special(list), type: try special["type_id"].tokenId())
    }
    let sequence = field["Sequence"]
    let content: Part.Content
    switch try sequence["id"].text() {
    case "A": content = .first
    case "B": content = .second
    case let other: throw field.problem("names sequence \"\(other)\"; A and B exist")
    }
    return Part(content, type: try sequence["type_id"].tokenId())
  }
}
