/// The tokens `<0x00>` to `<0xFF>` that spell text for which a vocabulary has no token.
enum ByteTokens {
  /// The token of a byte.
  static func token(of byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return byte < 16 ? "<0x0\(digits)>" : "<0x\(digits)>"
  }

  /// The id of each byte's token; −1 where the vocabulary lacks it.
  static func ids(in vocabulary: Vocabulary) -> [Int32] {
    (UInt8.min...UInt8.max).map { vocabulary.id(for: token(of: $0)) ?? -1 }
  }

  /// The byte that a token spells, nil for other tokens. Hexadecimal digits may be small.
  static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }
}
