/// Cuts text into the words that the model tokenizes one by one: the part `pre_tokenizer` of a tokenizer.json.
protocol PreTokenizer: Sendable {
  /// Cuts the words of `text` into smaller ones.
  func cut(_ text: inout CutText)

  /// Calls `body` with each word that `cut` would leave, and the bytes it is in.
  func forEachWord(of text: inout CutText, _ body: (Range<Int>, Span<UInt8>) -> Void)

  /// Whether the model then reads the bytes of words, spelled in ``ByteLevelAlphabet``, in place of their scalars.
  var spellsBytes: Bool { get }

  /// Whether the words depend on where the whole text begins.
  var dependsOnBeginning: Bool { get }
}

extension PreTokenizer {
  var spellsBytes: Bool { false }
  var dependsOnBeginning: Bool { false }

  func forEachWord(of text: inout CutText, _ body: (Range<Int>, Span<UInt8>) -> Void) {
    cut(&text)
    text.forEachWord(body)
  }
}

/// A piece of text and the words it is cut into.
struct CutText {
  private(set) var bytes: [UInt8]
  /// None of them empty, in order.
  private(set) var words: [Range<Int>]
  /// Whether the first word, which then begins at 0, begins the whole text.
  private(set) var beginsText: Bool

  init(_ bytes: [UInt8], beginsText: Bool) {
    self.bytes = bytes
    words = bytes.isEmpty ? [] : [0..<bytes.count]
    self.beginsText = beginsText
  }

  /// Calls `body` with each word, and the bytes it is in.
  func forEachWord(_ body: (Range<Int>, Span<UInt8>) -> Void) {
    for word in words { body(word, bytes.span) }
  }

  /// Puts in place of each word what `split` makes of it.
  mutating func replaceWords(_ split: (Range<Int>, Span<UInt8>, inout [Range<Int>]) -> Void) {
    var result: [Range<Int>] = []
    result.reserveCapacity(max(words.count, bytes.count / 4))
    for word in words { split(word, bytes.span, &result) }
    words = result
    beginsText = beginsText && words.first?.lowerBound == 0
  }

  /// Puts `replacement` in place of every space.
  mutating func replaceSpaces(with replacement: [UInt8]) {
    let space = UInt8(ascii: " ")
    guard bytes.contains(space) else { return }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count * 3 / 2)
    for index in words.indices {
      let start = result.count
      for position in words[index] {
        if bytes[position] == space { result.append(contentsOf: replacement) } else { result.append(bytes[position]) }
      }
      words[index] = start..<result.count
    }
    bytes = result
  }

  /// Puts `prefix` before each word that `needsPrefix` names.
  mutating func prefixWords(_ prefix: [UInt8], where needsPrefix: (Range<Int>, Span<UInt8>) -> Bool) {
    guard words.contains(where: { needsPrefix($0, bytes.span) }) else { return }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + words.count * prefix.count)
    for index in words.indices {
      let start = result.count
      if needsPrefix(words[index], bytes.span) { result.append(contentsOf: prefix) }
      result.append(words[index], of: bytes.span)
      words[index] = start..<result.count
    }
    bytes = result
  }
}

/// Reads `pre_tokenizer`; nil where the file has none.
func readPreTokenizer(_ field: JSONField) throws(TokenizerError) -> (any PreTokenizer)? {
  guard let type = try field.type() else { return nil }
  switch type {
  case "Sequence": return try PreTokenizerSequence(field["pretokenizers"])
  case "BertPreTokenizer": return BertPreTokenizer()
  case "ByteLevel": return try ByteLevelPreTokenizer(field)
  case "CharDelimiterSplit":
    return SplitPreTokenizer(pattern: .text(try field["delimiter"].scalar()), behavior: .removed)
  case "Digits": return DigitsPreTokenizer(behavior: try field["individual_digits"].flag() ? .isolated : .contiguous)
  case "Metaspace": return try MetaspacePreTokenizer(field)
  case "Punctuation": return PunctuationPreTokenizer(behavior: try SplitBehavior(field["behavior"], default: .isolated))
  case "Split":
    return SplitPreTokenizer(
      pattern: try SplitPattern(field["pattern"]), behavior: try SplitBehavior(field["behavior"]),
      isInverted: try field["invert"].flag())
  case "Whitespace": return WordPreTokenizer()
  case "WhitespaceSplit": return WhiteSpacePreTokenizer()
  default:
    throw field.unsupported(
      type,
      supported: "null, BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, Metaspace, Punctuation, Sequence, "
        + "Split, Whitespace, WhitespaceSplit")
  }
}

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
