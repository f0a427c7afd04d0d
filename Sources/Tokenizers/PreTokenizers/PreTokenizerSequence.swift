/// Pre-tokenizers one after another.
struct PreTokenizerSequence: PreTokenizer {
  private let parts: [any PreTokenizer]

  /// Reads `pretokenizers`.
  init(_ field: JSONField) throws(TokenizerError) {
    var parts: [any PreTokenizer] = []
    for element in try field.elements() {
      guard let part = try readPreTokenizer(element) else { continue }
      // Bytes are spelled in the alphabet only when the model reads them: nothing may look at the text after it.
      if parts.last?.spellsBytes == true {
        throw element.unsupported("a part after ByteLevel", supported: "ByteLevel last")
      }
      parts.append(part)
    }
    self.parts = parts
  }

  func cut(_ text: inout CutText) {
    for part in parts { part.cut(&text) }
  }

  func forEachWord(of text: inout CutText, _ body: (Range<Int>, Span<UInt8>) -> Void) {
    for part in parts.dropLast() { part.cut(&text) }
    if let last = parts.last { last.forEachWord(of: &text, body) } else { text.forEachWord(body) }
  }

  var spellsBytes: Bool { parts.last?.spellsBytes ?? false }
  var dependsOnBeginning: Bool { parts.contains(where: \.dependsOnBeginning) }
}
