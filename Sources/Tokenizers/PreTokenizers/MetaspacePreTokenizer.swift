/// Where a metaspace goes in front of text that does not begin with one.
enum PrependScheme: String {
  case always, first, never

  /// Reads `prepend_scheme`, or in files older than that `add_prefix_space`.
  init(_ field: JSONField) throws(TokenizerError) {
    let scheme = field["prepend_scheme"]
    guard !scheme.isNull else {
      self = try field["add_prefix_space"].flag(default: true) ? .always : .never
      return
    }
    guard let value = Self(rawValue: try scheme.text()) else {
      throw scheme.unsupported(scheme.value.kind, supported: "always, first, never")
    }
    self = value
  }
}

/// Writes spaces as a visible scalar, most times "▁", and begins a word at each.
struct MetaspacePreTokenizer: PreTokenizer {
  private let replacement: [UInt8]
  private let scheme: PrependScheme
  private let splits: Bool

  /// Reads a part of type `Metaspace`.
  init(_ field: JSONField) throws(TokenizerError) {
    replacement = try field["replacement"].scalar()
    scheme = try PrependScheme(field)
    splits = try field["split"].flag(default: true)
  }

  var dependsOnBeginning: Bool { scheme == .first }

  func cut(_ text: inout CutText) {
    text.replaceSpaces(with: replacement)
    let beginsText = text.beginsText
    text.prefixWords(replacement) { word, bytes in
      let mayBePrefixed =
        switch scheme {
        case .always: true
        case .first: beginsText && word.lowerBound == 0
        case .never: false
        }
      return mayBePrefixed && !bytes.holds(replacement, at: word.lowerBound)
    }
    if splits { SplitPreTokenizer(pattern: .text(replacement), behavior: .mergedWithNext).cut(&text) }
  }
}
