/// Reads JSON text (RFC 8259) into a ``JSONValue``.
public struct JSONReader {
  /// A fault in the text; `line` counts from 1.
  public struct Fault: Error, Equatable {
    public let line: Int
    public let problem: String
  }

  /// Deeper nesting is refused, so that a hostile file cannot exhaust the stack.
  public static let deepestNesting = 256

  private let bytes: [UInt8]
  private var position = 0

  private init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// The value that `bytes` spell, all of them.
  public static func value(of bytes: [UInt8]) throws(Fault) -> JSONValue {
    var reader = JSONReader(bytes: bytes)
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw Fault(line: 1, problem: "the text is not UTF-8")
    }
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.position == bytes.count else { throw reader.fault("something follows the end of the value") }
    return value
  }

  // MARK: - Values

  private mutating func value(depth: Int) throws(Fault) -> JSONValue {
    guard depth < Self.deepestNesting else { throw fault("nested deeper than \(Self.deepestNesting)") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try list(depth: depth)
    case UInt8(ascii: "\""): return .string(try text())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case nil: throw fault("the text ends too early")
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(Fault) -> JSONValue {
    var members: [JSONValue.Member] = []
    position += 1
    skipSpace()
    if take("}") { return .object(members) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw fault("a quoted key was expected") }
      let key = try text()
      skipSpace()
      guard take(":") else { throw fault("':' was expected after a key") }
      members.append(.init(key, try value(depth: depth + 1)))
      skipSpace()
    } while take(",")
    guard take("}") else { throw fault("',' or '}' was expected in an object") }
    return .object(members)
  }

  private mutating func list(depth: Int) throws(Fault) -> JSONValue {
    var values: [JSONValue] = []
    position += 1
    skipSpace()
    if take("]") { return .array(values) }
    repeat {
      values.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw fault("',' or ']' was expected in a list") }
    return .array(values)
  }

  private mutating func number() throws(Fault) -> JSONValue {
    let start = position
    while let byte = next, Self.isNumberByte(byte) { position += 1 }
    let digits = String(decoding: bytes[start..<position], as: UTF8.self)
    if let number = Int(digits) { return .int(number) }
    if let number = Double(digits) { return .double(number) }
    throw fault("a value was expected")
  }

  private static func isNumberByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
      UInt8(ascii: "e"), UInt8(ascii: "E"):
      true
    default: false
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws(Fault) -> JSONValue {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.count, bytes[position..<end].elementsEqual("\(word)".utf8) else {
      throw fault("a value was expected")
    }
    position = end
    return value
  }

  // MARK: - Text

  /// The quoted text at `position`.
  private mutating func text() throws(Fault) -> String {
    position += 1
    let start = position
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
    if next == UInt8(ascii: "\"") {
      position += 1
      return String(decoding: bytes[start..<position - 1], as: UTF8.self)
    }
    return try escapedText(head: bytes[start..<position])
  }

  /// The rest of a quoted text that begins with `head` and has an escape next.
  private mutating func escapedText(head: ArraySlice<UInt8>) throws(Fault) -> String {
    var unescaped = Array(head)
    while let byte = next {
      guard byte >= 0x20 else { throw fault("a text holds a raw control character") }
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: unescaped, as: UTF8.self)
      case UInt8(ascii: "\\"): unescaped.append(contentsOf: String(Character(try escape())).utf8)
      default: unescaped.append(byte)
      }
    }
    throw fault("a text has no closing quote")
  }

  /// The scalar that the escape after a backslash stands for.
  private mutating func escape() throws(Fault) -> Unicode.Scalar {
    let bytes = bytes
    do throws(JSONText.EscapeFault) {
      return try JSONText.scalar(ofEscapeIn: bytes.span, at: &position)
    } catch {
      switch error {
      case .unknown: throw fault("unknown escape in a text")
      case .digits: throw fault("\\u needs four hexadecimal digits")
      case .half: throw fault("half of a surrogate pair")
      }
    }
  }

  // MARK: - Bytes

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: scalar) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private func fault(_ problem: String) -> Fault {
    let line = 1 + bytes.prefix(position).count { $0 == UInt8(ascii: "\n") }
    return Fault(line: line, problem: problem)
  }
}
