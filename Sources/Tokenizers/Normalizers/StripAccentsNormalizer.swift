/// Leaves out combining marks; letters that hold their accent in one scalar keep it.
struct StripAccentsNormalizer: Normalizer {
  var keepsBeginning: Bool { false }

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    text.forEachScalar(in: 0..<text.count) { scalar, bytes in
      if !scalar.isCombiningMark { output.append(bytes, of: text) }
    }
  }
}
