/// Replaces what a pattern matches.
struct ReplaceNormalizer: Normalizer {
  private let replacement: Replacement

  init(_ replacement: Replacement) {
    self.replacement = replacement
  }

  var keepsBeginning: Bool { !replacement.removes }

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    replacement.append(text, to: &output)
  }
}
