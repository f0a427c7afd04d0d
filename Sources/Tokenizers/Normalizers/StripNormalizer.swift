/// Takes white space off the ends.
struct StripNormalizer: Normalizer {
  let stripsLeft: Bool
  let stripsRight: Bool

  var keepsBeginning: Bool { !stripsLeft }

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    var start = 0
    var end = text.count
    while stripsLeft, start < end {
      let (scalar, byteCount) = text.scalar(at: start)
      guard scalar.isSpace else { break }
      start += byteCount
    }
    while stripsRight, start < end {
      let (scalar, byteCount) = text.scalar(before: end)
      guard scalar.isSpace else { break }
      end -= byteCount
    }
    output.append(start..<end, of: text)
  }
}
