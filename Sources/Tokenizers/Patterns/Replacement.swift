/// What a `Replace` puts in place of what its pattern matches.
struct Replacement: Sendable {
  private let pattern: SplitPattern
  private let content: [UInt8]

  /// Reads a part with `pattern` and `content`.
  init(_ field: JSONField) throws(TokenizerError) {
    pattern = try SplitPattern(field["pattern"])
    let text = try field["content"].text()
    if case .expression = pattern, text.utf8.contains(UInt8(ascii: "$")) || text.utf8.contains(UInt8(ascii: "\\")) {
      throw field["content"].unsupported("\"\(text)\" for a regular expression", supported: "a text without $ and \\")
    }
    content = Array(text.utf8)
  }

  init(_ text: String, with content: String) {
    pattern = .text(Array(text.utf8))
    self.content = Array(content.utf8)
  }

  /// Whether a match leaves nothing.
  var removes: Bool { content.isEmpty }

  /// Appends `text` with every match replaced to `output`.
  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    pattern.forEachSegment(of: 0..<text.count, in: text) { segment, isMatch in
      if isMatch {
        output.append(contentsOf: content)
      } else {
        output.append(segment, of: text)
      }
    }
  }
}
