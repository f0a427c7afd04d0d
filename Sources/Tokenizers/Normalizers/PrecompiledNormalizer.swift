/// Applies a character map the way Hugging Face's `Precompiled` does: to each grapheme of less than six bytes that the
/// map knows, else to its scalars.
struct PrecompiledNormalizer: Normalizer {
  let map: CharacterMap

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    var index = 0
    while index < text.count {
      let byteCount = Self.graphemeByteCount(at: index, in: text)
      let grapheme = index..<index + byteCount
      index += byteCount
      if byteCount < 6, let mapped = map.shortestMatch(grapheme, of: text) {
        output.append(contentsOf: mapped)
      } else {
        text.forEachScalar(in: grapheme) { _, bytes in
          if let mapped = map.shortestMatch(bytes, of: text) {
            output.append(contentsOf: mapped)
          } else {
            output.append(bytes, of: text)
          }
        }
      }
    }
  }

  /// The bytes of the grapheme at `start`.
  private static func graphemeByteCount(at start: Int, in text: Span<UInt8>) -> Int {
    let (scalar, byteCount) = text.scalar(at: start)
    let next = start + byteCount
    guard next < text.count else { return byteCount }
    let (following, _) = text.scalar(at: next)
    if standsAlone(scalar, before: following) { return byteCount }
    // Swift keeps 15 bytes off the heap; only a longer grapheme needs a wider window.
    var width = 15
    while true {
      var end = next
      while end < text.count {
        let (_, byteCount) = text.scalar(at: end)
        if end + byteCount > start + width { break }
        end += byteCount
      }
      let window = text.extracting(start..<end).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
      let byteCount = window.first!.utf8.count
      if start + byteCount < end || end == text.count { return byteCount }
      width *= 4
    }
  }

  /// Whether there is surely a break between two scalars, for the most frequent ones: below U+0300 nothing extends a
  /// grapheme but the line feed after a carriage return, and below U+0600 nothing takes in what follows.
  @inline(__always)
  private static func standsAlone(_ scalar: Unicode.Scalar, before following: Unicode.Scalar) -> Bool {
    let isPlain = scalar.value < 0x600 || (0x4E00...0x9FFF).contains(scalar.value)
    let endsIt = following.value < 0x300 || (0x4E00...0x9FFF).contains(following.value)
    return isPlain && endsIt && !(scalar == "\r" && following == "\n")
  }
}
