/// Reads a Protocol Buffers message field by field, as far as SentencePiece's models need it: no groups.
struct ProtobufReader {
  /// A field's content.
  enum Value {
    case number(UInt64)
    case bytes(Range<Int>)
  }

  /// The bytes are no message.
  struct Fault: Error {}

  private let bytes: [UInt8]
  private let end: Int
  private var position: Int

  /// A reader of the message that `range` of `bytes` holds, all of them by default.
  init(_ bytes: [UInt8], in range: Range<Int>? = nil) {
    self.bytes = bytes
    position = range?.lowerBound ?? 0
    end = range?.upperBound ?? bytes.count
  }

  /// The next field's number and content, nil at the end. Fixed numbers come as their bits.
  mutating func next() throws(Fault) -> (field: Int, value: Value)? {
    guard position < end else { return nil }
    let key = try varint()
    let field = Int(truncatingIfNeeded: key >> 3)
    switch key & 7 {
    case 0: return (field, .number(try varint()))
    case 1: return (field, .number(try fixed(8)))
    case 2: return (field, .bytes(try take(Int(clamping: try varint()))))
    case 5: return (field, .number(try fixed(4)))
    default: throw Fault()
    }
  }

  /// The text that `range` holds.
  func text(_ range: Range<Int>) throws(Fault) -> String {
    guard let text = String(validating: bytes[range], as: UTF8.self) else { throw Fault() }
    return text
  }

  private mutating func varint() throws(Fault) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard position < end else { throw Fault() }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw Fault()
  }

  private mutating func fixed(_ byteCount: Int) throws(Fault) -> UInt64 {
    let range = try take(byteCount)
    return range.reversed().reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
  }

  private mutating func take(_ count: Int) throws(Fault) -> Range<Int> {
    guard count >= 0, count <= end - position else { throw Fault() }
    defer { position += count }
    return position..<position + count
  }
}
