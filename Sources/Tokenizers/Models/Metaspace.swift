/// The scalar that SentencePiece writes for a space, "▁".
enum Metaspace {
  static let text = "\u{2581}"
  private static let scalar = Unicode.Scalar(0x2581)!

  /// The metaspace's bytes, if none of the tokens that merges make has one behind anything else: then words may be cut
  /// before each that follows something else. Nil otherwise.
  static func wordBeginning(_ tokens: some Sequence<String>) -> [UInt8]? {
    let crosses = tokens.contains { token in token.unicodeScalars.drop { $0 == scalar }.contains(scalar) }
    return crosses ? nil : Array(text.utf8)
  }
}
