/// A set of Unicode scalars that a regular expression names: a class in brackets, `\s`, `\p{L}`, one scalar.
struct ScalarSet: Sendable {
  /// A part of the set.
  struct Member: Sendable {
    enum Kind: Sendable {
      case range(ClosedRange<UInt32>)
      case categories(CategorySet)
      case space
      /// `\w`, in brackets or not.
      case word(isInBrackets: Bool)
    }
    let kind: Kind
    var isNegated = false

    fileprivate func contains(_ scalar: Unicode.Scalar) -> Bool {
      let holds =
        switch kind {
        case .range(let range): range.contains(scalar.value)
        case .categories(let categories): categories.contains(.of(scalar))
        case .space: scalar.isSpace
        case .word(let isInBrackets):
          scalar.isWordScalar && !scalar.properties.isJoinControl || !isInBrackets && scalar.isLatinNumber
        }
      return holds != isNegated
    }
  }

  private let members: [Member]
  private let isNegated: Bool
  /// The set's share of ASCII, a bit a scalar.
  private var ascii: (low: UInt64, high: UInt64) = (0, 0)

  init(_ members: [Member], isNegated: Bool = false) {
    self.members = members
    self.isNegated = isNegated
    for value in UInt8(0)..<128 where contains(slowly: Unicode.Scalar(value)) {
      if value < 64 { ascii.low |= 1 << UInt64(value) } else { ascii.high |= 1 << UInt64(value - 64) }
    }
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    let value = scalar.value
    if value < 64 { return ascii.low >> UInt64(value) & 1 == 1 }
    if value < 128 { return ascii.high >> UInt64(value - 64) & 1 == 1 }
    return contains(slowly: scalar)
  }

  private func contains(slowly scalar: Unicode.Scalar) -> Bool {
    members.contains { $0.contains(scalar) } != isNegated
  }
}

/// General categories of Unicode, a bit each.
struct CategorySet: OptionSet, Sendable {
  let rawValue: UInt32

  init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  private init(bit: UInt32) { self.init(rawValue: 1 << bit) }

  /// The categories that `\p{name}` means, nil if there are none of that name.
  init?(named name: String) {
    if let categories = Self.byName[name] {
      self = categories
      return
    }
    guard name.unicodeScalars.count == 1 else { return nil }
    let group = Self.byName.filter { $0.key.hasPrefix(name) }
    if group.isEmpty { return nil }
    self = group.values.reduce(into: []) { $0.formUnion($1) }
  }

  private static let byName: [String: CategorySet] = {
    let names = [
      "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
      "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]
    let categories = names.enumerated().map { CategorySet(bit: UInt32($0.offset)) }
    return Dictionary(uniqueKeysWithValues: zip(names, categories))
  }()

  /// The category of a scalar, as a set of one.
  static func of(_ scalar: Unicode.Scalar) -> CategorySet {
    let value = Int(scalar.value)
    return CategorySet(bit: UInt32(value < basicPlane.count ? basicPlane[value] : bit(scalar)))
  }

  /// The bits of U+0000 to U+FFFF; those above are looked up each time.
  private static let basicPlane: [UInt8] = (0...0xFFFF).map { value in
    Unicode.Scalar(UInt32(value)).map(bit) ?? 27
  }

  private static func bit(_ scalar: Unicode.Scalar) -> UInt8 {
    guard scalar.isAssigned(in: .matching) else { return 29 }
    // A small letter until Unicode 17.
    if scalar.value == 0x295 { return 1 }
    return switch scalar.properties.generalCategory {
    case .uppercaseLetter: 0
    case .lowercaseLetter: 1
    case .titlecaseLetter: 2
    case .modifierLetter: 3
    case .otherLetter: 4
    case .nonspacingMark: 5
    case .spacingMark: 6
    case .enclosingMark: 7
    case .decimalNumber: 8
    case .letterNumber: 9
    case .otherNumber: 10
    case .connectorPunctuation: 11
    case .dashPunctuation: 12
    case .openPunctuation: 13
    case .closePunctuation: 14
    case .initialPunctuation: 15
    case .finalPunctuation: 16
    case .otherPunctuation: 17
    case .mathSymbol: 18
    case .currencySymbol: 19
    case .modifierSymbol: 20
    case .otherSymbol: 21
    case .spaceSeparator: 22
    case .lineSeparator: 23
    case .paragraphSeparator: 24
    case .control: 25
    case .format: 26
    case .surrogate: 27
    case .privateUse: 28
    case .unassigned: 29
    @unknown default: 29
    }
  }
}

extension Unicode.Scalar {
  /// Whether Oniguruma, which the tokenizers use for a file's own expressions, has `\w` match the scalar outside of
  /// brackets only: Latin-1's superscript digits and fractions. Join controls, which are word scalars elsewhere, never
  /// match it.
  fileprivate var isLatinNumber: Bool {
    switch value {
    case 0xB2, 0xB3, 0xB9, 0xBC...0xBE: true
    default: false
    }
  }
}
