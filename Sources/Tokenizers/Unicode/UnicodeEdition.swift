/// The editions of Unicode that Hugging Face's tokenizers 0.23 are built from, one for each of their parts.
///
/// A scalar that an edition does not assign yet is taken for unassigned, so that a newer Swift library does not change
/// ids. Where a later edition changed a scalar's category, the properties below name that scalar.
enum UnicodeEdition: Int {
  /// The categories behind BERT's control characters, punctuation and accents.
  case categories = 8
  /// The normal forms and combining marks.
  case normalForms = 9
  /// Regular expressions, and words beside added tokens.
  case matching = 16
  /// Numbers, as the pre-tokenizer `Digits` takes them.
  case numbers = 17
}

extension Unicode.Scalar {
  /// Whether `edition` assigns this scalar.
  func isAssigned(in edition: UnicodeEdition) -> Bool {
    properties.age.map { $0.major <= edition.rawValue } ?? false
  }

  /// Whether a regular expression's `\w` matches: letters and other alphabetic scalars, marks, decimal digits,
  /// connector punctuation and join controls (Unicode Technical Standard 18, annex C).
  var isWordScalar: Bool {
    guard isAssigned(in: .matching) else { return false }
    return switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: true
    default: properties.isAlphabetic || properties.isJoinControl
    }
  }

  /// Whether the scalar is of category N.
  var isNumber: Bool {
    if isASCII { return value &- 0x30 < 10 }
    return isAssigned(in: .numbers) && properties.numericCategory
  }

  /// Whether the scalar is a mark that `StripAccents` removes: category M.
  var isCombiningMark: Bool {
    switch value {
    case 0...0x2FF, 0x111C9: return false
    case 0x1CF2, 0x1CF3: return true
    default: break
    }
    guard isAssigned(in: .normalForms) else { return false }
    return switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }
}

extension Unicode.Scalar.Properties {
  fileprivate var numericCategory: Bool {
    switch generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }
}
