import JSON

/// A strict reader of the JSON that safetensors headers are made of: objects, arrays, strings and whole numbers.
///
/// Written by hand because general decoders drop one of two equal names without a word.
struct HeaderScanner {
  /// The header's bytes.
  let bytes: UnsafeRawBufferPointer
  /// The place of the header's first byte in the file, and the file, for error texts.
  let origin: Int
  let file: String
  private(set) var position = 0

  init(bytes: UnsafeRawBufferPointer, origin: Int, file: String) {
    self.bytes = bytes
    self.origin = origin
    self.file = file
  }

  /// The error for what stands at the current position.
  func malformed(_ reason: String) -> SafetensorsError {
    .malformedHeader(file: file, byte: origin + position, reason: reason)
  }

  /// Reads `{"key": value, …}`; `readValue` reads each value.
  mutating func readObject(_ readValue: (inout Self, String) throws -> Void) throws {
    try readSequence(from: "{", to: "}") { scanner in
      let key = try scanner.readString()
      try scanner.expect(":")
      try readValue(&scanner, key)
    }
  }

  /// Reads `[1, 2, …]`.
  mutating func readIntegers() throws -> [Int] {
    var values: [Int] = []
    try readSequence(from: "[", to: "]") { values.append(try $0.readInteger()) }
    return values
  }

  /// Checks that only white space follows.
  mutating func expectEnd() throws {
    skipSpace()
    if position < bytes.count { throw malformed("unexpected text after the closing brace") }
  }

  mutating func readString() throws -> String {
    try expect("\"")
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else { throw malformed("a name is not UTF-8") }
        position += 1
        return string
      case UInt8(ascii: "\\"):
        text.append(contentsOf: String(try readEscape()).utf8)
      case 0..<0x20:
        throw malformed("a control character inside a string")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw malformed("a string does not end")
  }

  private mutating func readInteger() throws -> Int {
    skipSpace()
    let start = position
    if peek() == UInt8(ascii: "-") { position += 1 }
    while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    guard let value = Int(String(decoding: bytes[start..<position], as: UTF8.self)) else {
      throw malformed("not a whole number below 2^63")
    }
    return value
  }

  private mutating func readSequence(
    from opening: Character, to closing: Character, _ readElement: (inout Self) throws -> Void
  ) throws {
    try expect(opening)
    if skip(closing) { return }
    repeat { try readElement(&self) } while skip(",")
    try expect(closing)
  }

  /// Reads an escape sequence, a surrogate pair as one.
  private mutating func readEscape() throws -> Unicode.Scalar {
    position += 1
    guard position < bytes.count else { throw malformed("a string does not end") }
    do throws(JSONText.EscapeFault) {
      return try JSONText.scalar(ofEscapeIn: bytes.bindMemory(to: UInt8.self).span, at: &position)
    } catch {
      switch error {
      case .unknown: throw malformed("an unknown escape in a string")
      case .digits: throw malformed("an escape without its four digits")
      case .half: throw malformed("half a surrogate pair in a string")
      }
    }
  }

  private mutating func expect(_ character: Character) throws {
    if !skip(character) { throw malformed("expected '\(character)'") }
  }

  /// Steps over white space and then over `character`, if it is there.
  private mutating func skip(_ character: Character) -> Bool {
    skipSpace()
    guard peek() == character.asciiValue else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek(), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }
}
