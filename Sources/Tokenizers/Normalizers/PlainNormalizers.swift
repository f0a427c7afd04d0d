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

/// Puts a text in front, of anything but nothing.
struct PrependNormalizer: Normalizer {
  let prefix: [UInt8]

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    if text.isEmpty { return }
    output.append(contentsOf: prefix)
    output.append(0..<text.count, of: text)
  }
}

/// Replaces what a pattern matches.
struct ReplaceNormalizer: Normalizer {
  private let replacement: Replacement

  init(_ replacement: Replacement) {
    self.replacement = replacement
  }

  var keepsBeginning: Bool { !replacement.removes }

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    replacement.append(text, to: &output)
  }
}

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

/// Leaves out combining marks; letters that hold their accent in one scalar keep it.
struct StripAccentsNormalizer: Normalizer {
  var keepsBeginning: Bool { false }

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    text.forEachScalar(in: 0..<text.count) { scalar, bytes in
      if !scalar.isCombiningMark { output.append(bytes, of: text) }
    }
  }
}

/// Brings text into a Unicode normal form.
struct UnicodeNormalizer: Normalizer {
  let form: NormalForm

  func append(_ text: Span<UInt8>, to output: inout [UInt8]) {
    form.append(text, to: &output)
  }
}
