/// What BERT's normalizer and pre-tokenizer tell apart.
extension Unicode.Scalar {
  /// Whether cleaning removes the scalar: U+FFFD, and category C except tab, line feed and carriage return.
  var isRemovedByCleaning: Bool {
    switch value {
    case 0x09, 0x0A, 0x0D: return false
    case 0...0x1F, 0x7F...0x9F, 0xFFFD: return true
    case 0x20...0x7E: return false
    default: break
    }
    guard isAssigned(in: .categories) else { return false }
    return switch properties.generalCategory {
    case .control, .format, .privateUse: true
    default: false
    }
  }

  /// Whether the scalar is in a block of CJK ideographs.
  var isIdeograph: Bool {
    switch value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF,
      0x2F800...0x2FA1F:
      true
    default: false
    }
  }

  /// Whether the scalar is an accent: category Mn.
  var isAccent: Bool {
    switch value {
    case 0...0x2FF, 0x1885, 0x1886, 0xA9BD, 0x111C9: return false
    case 0x1734, 0x1171E: return true
    default: return isAssigned(in: .categories) && properties.generalCategory == .nonspacingMark
    }
  }

  /// Whether the scalar is punctuation: category P, and ASCII's symbols.
  var isPunctuation: Bool {
    switch value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E, 0x166D, 0x111C9: return true
    case 0...0x7F: return false
    default: break
    }
    guard isAssigned(in: .categories) else { return false }
    return switch properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      true
    default: false
    }
  }

  /// Whether the scalar has the property White_Space.
  var isSpace: Bool {
    if isASCII { return value == 0x20 || value &- 0x09 < 5 }
    return properties.isWhitespace
  }
}
