/// What a part of a tokenizer looks for in text: `{"String": …}` or `{"Regex": …}`.
enum SplitPattern: Sendable {
  case text([UInt8])
  case expression(RegularExpression)

  /// Reads a `pattern`.
  init(_ field: JSONField) throws(TokenizerError) {
    if !field["Regex"].isNull {
      self = .expression(try RegularExpression(field["Regex"]))
    } else {
      let text = try field["String"].text()
      guard !text.isEmpty else { throw field["String"].problem("must not be empty") }
      self = .text(Array(text.utf8))
    }
  }

  /// Calls `body` with the matches and what is between them, in order, none of it empty.
  func forEachSegment(of range: Range<Int>, in bytes: Span<UInt8>, _ body: (Range<Int>, Bool) -> Void) {
    switch self {
    case .text(let text): Self.forEachSegment(of: range, in: bytes, text: text, body)
    case .expression(let expression): expression.forEachSegment(of: range, in: bytes, body)
    }
  }

  private static func forEachSegment(
    of range: Range<Int>, in bytes: Span<UInt8>, text: [UInt8], _ body: (Range<Int>, Bool) -> Void
  ) {
    var done = range.lowerBound
    var index = range.lowerBound
    while index + text.count <= range.upperBound {
      guard bytes[index] == text[0], bytes.holds(text, at: index) else {
        index += 1
        continue
      }
      if done < index { body(done..<index, false) }
      index += text.count
      body(index - text.count..<index, true)
      done = index
    }
    if done < range.upperBound { body(done..<range.upperBound, false) }
  }
}
