/// Rewrites text before it is cut into words: the part `normalizer` of a tokenizer.json.
protocol Normalizer: Sendable {
  /// Appends the normalized form of `text` to `output`.
  func append(_ text: Span<UInt8>, to output: inout [UInt8])

  /// Whether the first scalar left over always stems from the beginning of the text, so that it still begins the text
  /// for what comes later.
  var keepsBeginning: Bool { get }
}

extension Normalizer {
  var keepsBeginning: Bool { true }

  /// The normalized form of `text`.
  func normalized(_ text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 2)
    append(text.span, to: &output)
    return output
  }
}

/// Reads `normalizer`; nil where the file has none.
func readNormalizer(_ field: JSONField) throws(TokenizerError) -> (any Normalizer)? {
  guard let type = try field.type() else { return nil }
  switch type {
  case "Sequence":
    var parts: [any Normalizer] = []
    for element in try field["normalizers"].elements() {
      if let part = try readNormalizer(element) { parts.append(part) }
    }
    return NormalizerSequence(parts)
  case "BertNormalizer": return try BertNormalizer(field)
  case "Lowercase": return LowercaseNormalizer()
  case "NFC", "NFD", "NFKC", "NFKD": return UnicodeNormalizer(form: NormalForm(rawValue: type)!)
  case "Nmt": return NMTNormalizer()
  case "Precompiled": return PrecompiledNormalizer(map: try CharacterMap(field["precompiled_charsmap"]))
  case "Prepend": return PrependNormalizer(prefix: Array(try field["prepend"].text().utf8))
  case "Replace": return ReplaceNormalizer(try Replacement(field))
  case "Strip":
    return StripNormalizer(stripsLeft: try field["strip_left"].flag(), stripsRight: try field["strip_right"].flag())
  case "StripAccents": return StripAccentsNormalizer()
  default:
    throw field.unsupported(
      type,
      supported: "null, BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Sequence, "
        + "Strip, StripAccents")
  }
}
