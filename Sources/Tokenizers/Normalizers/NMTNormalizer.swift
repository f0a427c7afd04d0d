/// The cleaning of Google's neural machine translation, as SentencePiece has it: control characters go, and what counts
/// as white space becomes a space.
struct NMTNormalizer: Normalizer {
  var keepsBeginning: Bool { false }

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    text.forEachScalar(in: 0..<text.count) { scalar, bytes in
      switch scalar.value {
      case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: break
      case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
        output.append(UInt8(ascii: " "))
      default: output.append(bytes, of: text)
      }
    }
  }
}
