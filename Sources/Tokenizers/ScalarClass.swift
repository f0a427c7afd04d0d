/// The four classes of Unicode scalars that GPT-2's pattern tells apart, as of Unicode 16.
enum ScalarClass: UInt8 {
  /// None of the others.
  case other
  /// `\p{L}`.
  case letter
  /// `\p{N}`.
  case number
  /// `\s`: White_Space.
  case space

  /// The class of an ASCII byte.
  @inline(__always)
  static func of(ascii byte: UInt8) -> ScalarClass {
    if (byte | 0x20) &- 0x61 < 26 { return .letter }
    if byte == 0x20 || byte &- 0x09 < 5 { return .space }
    return byte &- 0x30 < 10 ? .number : .other
  }

  /// The class of a scalar.
  static func of(_ scalar: Unicode.Scalar) -> ScalarClass {
    scalar.value < basicPlane.count ? basicPlane[Int(scalar.value)] : computed(scalar)
  }

  /// The classes of U+0000 to U+FFFF; the rarer ones above are looked up each time.
  private static let basicPlane: [ScalarClass] = (0...0xFFFF).map { value in
    Unicode.Scalar(UInt32(value)).map(computed) ?? .other
  }

  private static func computed(_ scalar: Unicode.Scalar) -> ScalarClass {
    let properties = scalar.properties
    if properties.isWhitespace { return .space }
    guard scalar.isAssigned else { return .other }
    return switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: .other
    }
  }
}

extension Unicode.Scalar {
  /// Whether Unicode 16, the version that Hugging Face's tokenizers use, assigns this scalar: those assigned later are
  /// taken for unassigned, so that a newer Swift library does not change ids.
  fileprivate var isAssigned: Bool { properties.age.map { $0.major <= 16 } ?? false }

  /// Whether a regular expression's `\w` matches: letters and other alphabetic scalars, marks, decimal digits,
  /// connector punctuation and join controls (Unicode Technical Standard 18, annex C).
  var isWordScalar: Bool {
    guard isAssigned else { return false }
    return switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: true
    default: properties.isAlphabetic || properties.isJoinControl
    }
  }
}
