/// GPT-2's printable alphabet: a Unicode scalar for each of the 256 bytes (Radford et al. 2019, `bytes_to_unicode`).
///
/// Printable bytes of Latin-1 stand for themselves; the other 68 follow from U+0100 on in the order of their values.
enum ByteLevelAlphabet {
  /// The scalar of each byte.
  static let scalars: [Unicode.Scalar] = {
    var nextSpare: UInt32 = 0x100
    return (0...UInt8.max).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
      default:
        defer { nextSpare += 1 }
        return Unicode.Scalar(nextSpare)!
      }
    }
  }()

  /// The byte of each scalar value up to the alphabet's last; nil where the alphabet has none.
  private static let bytes: [UInt8?] = {
    var bytes = [UInt8?](repeating: nil, count: Int(scalars.map(\.value).max()!) + 1)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = UInt8(byte) }
    return bytes
  }()

  /// The byte that `scalar` stands for, nil outside the alphabet.
  static func byte(for scalar: Unicode.Scalar) -> UInt8? {
    scalar.value < bytes.count ? bytes[Int(scalar.value)] : nil
  }

  /// The bytes of `range` written in the alphabet.
  static func text(for range: Range<Int>, of bytes: Span<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for index in range { text.append(scalars[Int(bytes[index])]) }
    return String(text)
  }

  /// Appends the bytes that `token` stands for; one with a scalar outside the alphabet stands for its own UTF-8.
  static func append(_ token: Span<UInt8>, to bytes: inout [UInt8]) {
    let start = bytes.count
    var index = 0
    while index < token.count {
      let (scalar, byteCount) = token.scalar(at: index)
      guard let byte = byte(for: scalar) else {
        bytes.removeLast(bytes.count - start)
        bytes.append(0..<token.count, of: token)
        return
      }
      bytes.append(byte)
      index += byteCount
    }
  }
}
