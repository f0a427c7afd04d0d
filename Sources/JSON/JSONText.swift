/// Texts as JSON spells them: quotes and escapes (RFC 8259, section 7).
public enum JSONText {
  /// A text in quotes.
  public static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      // Beside what JSON demands, the separators that end a line for other readers, YAML's among them.
      case "\0"..<" ", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}", "\u{FEFF}": result += escape(scalar)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// A scalar below U+10000 by its number.
  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }

  /// What can be wrong with an escape.
  public enum EscapeFault: Error {
    case unknown
    /// There are no four hexadecimal digits.
    case digits
    /// Half of a surrogate pair.
    case half
  }

  /// The scalar that an escape stands for, a surrogate pair as one.
  ///
  /// - Parameter position: Of what follows the backslash; goes behind the escape.
  public static func scalar(ofEscapeIn bytes: Span<UInt8>, at position: inout Int) throws(EscapeFault) -> Unicode.Scalar
  {
    guard position < bytes.count else { throw .unknown }
    let letter = bytes[position]
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw .unknown
    }
    var value = try fourDigits(in: bytes, at: &position)
    if (0xD800..<0xDC00).contains(value), position + 2 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    {
      position += 2
      let low = try fourDigits(in: bytes, at: &position)
      guard (0xDC00..<0xE000).contains(low) else { throw .half }
      value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(value) else { throw .half }
    return scalar
  }

  private static func fourDigits(in bytes: Span<UInt8>, at position: inout Int) throws(EscapeFault) -> UInt32 {
    guard position + 4 <= bytes.count else { throw .digits }
    var value: UInt32 = 0
    for index in position..<position + 4 {
      switch bytes[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(bytes[index] - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(bytes[index] - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(bytes[index] - UInt8(ascii: "A") + 10)
      default: throw .digits
      }
    }
    position += 4
    return value
  }
}
