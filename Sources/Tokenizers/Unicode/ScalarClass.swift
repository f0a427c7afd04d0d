/// The four classes of Unicode scalars that GPT-2's pattern tells apart.
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

  /// The ASCII scalars of the class, those below 64 and the others, a bit each.
  var asciiMembers: (low: UInt64, high: UInt64) {
    switch self {
    case .letter: (0, 0x07FF_FFFE_07FF_FFFE)
    case .number: (0x3FF << 0x30, 0)
    case .space: (1 << 0x20 | 0x1F << 0x09, 0)
    case .other: (~(0x3FF << 0x30 | 1 << 0x20 | 0x1F << 0x09), ~0x07FF_FFFE_07FF_FFFE)
    }
  }

  /// The class of a scalar.
  static func of(_ scalar: Unicode.Scalar) -> ScalarClass {
    scalar.value < basicPlane.count ? basicPlane[Int(scalar.value)] : computed(scalar)
  }

  /// The classes of U+0000 to U+FFFF; the rarer ones above are looked up each time.
  private static let basicPlane: [ScalarClass] = (0...0xFFFF).map { value in
    Unicode.Scalar(UInt32(value)).map(computed) ?? .other
  }

  // Inlined, it would set up Unicode's categories for every run of ASCII.
  @inline(never)
  private static func computed(_ scalar: Unicode.Scalar) -> ScalarClass {
    let properties = scalar.properties
    if properties.isWhitespace { return .space }
    guard scalar.isAssigned(in: .matching) else { return .other }
    return switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: .other
    }
  }
}
