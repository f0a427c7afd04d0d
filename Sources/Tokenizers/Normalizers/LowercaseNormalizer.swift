/// Makes each scalar small on its own, without regard to its neighbours.
struct LowercaseNormalizer: Normalizer {
  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    text.forEachScalar(in: 0..<text.count) { scalar, bytes in
      if scalar.isASCII {
        let byte = UInt8(truncatingIfNeeded: scalar.value)
        output.append(byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte)
      } else if scalar.properties.changesWhenLowercased {
        output.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
      } else {
        output.append(bytes, of: text)
      }
    }
  }
}
