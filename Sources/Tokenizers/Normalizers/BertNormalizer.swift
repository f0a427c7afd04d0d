/// BERT's text cleaning (Devlin et al. 2019): control characters go, white space becomes a space, ideographs stand
/// apart, accents go and letters become small, each if asked for.
struct BertNormalizer: Normalizer {
  private let cleans: Bool
  private let separatesIdeographs: Bool
  private let stripsAccents: Bool
  private let lowercases: Bool

  /// Reads a normalizer of type `BertNormalizer`; without `strip_accents` accents go where letters become small.
  init(_ field: JSONField) throws(TokenizerError) {
    cleans = try field["clean_text"].flag()
    separatesIdeographs = try field["handle_chinese_chars"].flag()
    lowercases = try field["lowercase"].flag()
    stripsAccents = try field["strip_accents"].flag(default: lowercases)
  }

  var keepsBeginning: Bool { !cleans && !stripsAccents }

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    var spaced: [UInt8] = []
    spaced.reserveCapacity(text.count)
    var isASCII = true
    text.forEachScalar(in: 0..<text.count) { scalar, _ in
      if cleans {
        if scalar.isRemovedByCleaning { return }
        if scalar.isSpace { return spaced.append(UInt8(ascii: " ")) }
      }
      if scalar.isASCII { return spaced.append(UInt8(truncatingIfNeeded: scalar.value)) }
      isASCII = false
      let standsApart = separatesIdeographs && scalar.isIdeograph
      if standsApart { spaced.append(UInt8(ascii: " ")) }
      spaced.append(scalar)
      if standsApart { spaced.append(UInt8(ascii: " ")) }
    }
    if stripsAccents, !isASCII {
      var stripped: [UInt8] = []
      stripped.reserveCapacity(spaced.count)
      NormalForm.canonicalDecomposition.append(spaced.span, to: &stripped, leavingOut: \.isAccent)
      spaced = stripped
    }
    if lowercases {
      LowercaseNormalizer().append(spaced.span, to: &output)
    } else {
      output.append(contentsOf: spaced)
    }
  }
}
