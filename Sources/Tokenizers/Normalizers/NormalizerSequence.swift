/// Normalizers one after another.
struct NormalizerSequence: Normalizer {
  private let parts: [any Normalizer]

  init(_ parts: [any Normalizer]) {
    self.parts = parts
  }

  var keepsBeginning: Bool { parts.allSatisfy(\.keepsBeginning) }

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    guard let first = parts.first else { return output.append(0..<text.count, of: text) }
    if parts.count == 1 { return first.append(text, to: &output) }
    var current: [UInt8] = []
    current.reserveCapacity(text.count + text.count / 2)
    first.append(text, to: &current)
    for part in parts.dropFirst().dropLast() { current = part.normalized(current) }
    parts[parts.count - 1].append(current.span, to: &output)
  }
}
