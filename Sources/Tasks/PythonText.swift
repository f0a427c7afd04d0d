/// Text handling as Python's `str` does it, since prompts and scores are defined by Python programs.
enum PythonText {
  /// `str.isspace` for one character: Unicode white space and the four information separators.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// `string.punctuation`: the 32 ASCII characters that are neither letter, digit, space nor control.
  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 33...47, 58...64, 91...96, 123...126: true
    default: false
    }
  }

  /// `text.strip()`.
  static func strip(_ text: String) -> Substring.UnicodeScalarView {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !isSpace($0) }), let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return Substring().unicodeScalars }
    return scalars[first...last]
  }
}
