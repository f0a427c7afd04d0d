/// Puts a text in front, of anything but nothing.
struct PrependNormalizer: Normalizer {
  let prefix: [UInt8]

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    if text.isEmpty { return }
    output.append(contentsOf: prefix)
    output.append(0..<text.count, of: text)
  }
}
