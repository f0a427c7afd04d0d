/// GPT-2's pattern (Radford et al. 2019), matched by hand. Its first alternative that matches wins:
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// Every scalar is in one of the four classes, so matches follow each other without a gap.
enum GPT2Pattern {
  /// The end of the match that begins at `start`, in bytes that end at `limit`.
  static func endOfMatch(from start: Int, in bytes: Span<UInt8>, limit: Int) -> Int {
    var first = start
    switch bytes[start] {
    case UInt8(ascii: "'"):
      let length = contractionLength(at: start, in: bytes, limit: limit)
      if length > 0 { return start + length }
    case UInt8(ascii: " ") where start + 1 < limit: first += 1
    default: break
    }
    let kind = classOfScalar(at: first, in: bytes)
    guard kind == .space else { return endOfRun(of: kind, from: first, in: bytes, limit: limit) }
    return endOfSpace(from: start, in: bytes, limit: limit)
  }

  /// The byte count of the contraction at the apostrophe `start`, 0 if there is none.
  private static func contractionLength(at start: Int, in bytes: Span<UInt8>, limit: Int) -> Int {
    guard start + 1 < limit else { return 0 }
    let second = bytes[start + 1]
    switch second {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"), UInt8(ascii: "l"):
      guard start + 2 < limit else { return 0 }
      return bytes[start + 2] == (second == UInt8(ascii: "l") ? second : UInt8(ascii: "e")) ? 3 : 0
    default: return 0
    }
  }

  @inline(__always)
  private static func classOfScalar(at index: Int, in bytes: Span<UInt8>) -> ScalarClass {
    let byte = bytes[index]
    return byte < 0x80 ? .of(ascii: byte) : .of(bytes.scalar(at: index).scalar)
  }

  /// The end of the run of scalars of class `kind` at `start`.
  private static func endOfRun(of kind: ScalarClass, from start: Int, in bytes: Span<UInt8>, limit: Int) -> Int {
    let (low, high) = kind.asciiMembers
    var index = start
    while index < limit {
      let byte = bytes[index]
      if byte < 0x80 {
        if (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 == 0 { break }
        index += 1
      } else {
        let (scalar, byteCount) = bytes.scalar(at: index)
        if ScalarClass.of(scalar) != kind { break }
        index += byteCount
      }
    }
    return index
  }

  /// `\s+(?!\S)|\s+`: the whole run at the end of the text; before other text all but its last scalar, if it has more.
  private static func endOfSpace(from start: Int, in bytes: Span<UInt8>, limit: Int) -> Int {
    var index = start
    var last = start
    while index < limit {
      let (scalar, byteCount) = bytes.scalar(at: index)
      guard ScalarClass.of(scalar) == .space else { return last > start ? last : index }
      last = index
      index += byteCount
    }
    return index
  }
}
