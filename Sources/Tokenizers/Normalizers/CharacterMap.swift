import Foundation

/// SentencePiece's `precompiled_charsmap`: texts and what they become, in a double-array trie (Aoe 1989; the layout is
/// that of Darts-clone).
struct CharacterMap: Sendable {
  private let units: [UInt32]
  /// The texts that the trie's values point to, each ended by a zero.
  private let texts: [UInt8]

  /// The map in `bytes`: the trie's byte count, the trie, the texts; numbers are little-endian. Nil if that is not so.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 4 else { return nil }
    let trieByteCount = Int(Self.word(bytes, at: 0))
    guard trieByteCount > 0, trieByteCount % 4 == 0, 4 + trieByteCount <= bytes.count else { return nil }
    units = stride(from: 4, to: 4 + trieByteCount, by: 4).map { Self.word(bytes, at: $0) }
    texts = Array(bytes[(4 + trieByteCount)...])
    guard String(validating: texts, as: UTF8.self) != nil else { return nil }
  }

  /// Reads the map from base64.
  init(_ field: JSONField) throws(TokenizerError) {
    guard let data = Data(base64Encoded: try field.text()), let map = Self([UInt8](data)) else {
      throw field.problem("must be a character map of SentencePiece in base64")
    }
    self = map
  }

  private static func word(_ bytes: [UInt8], at index: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << (8 * $1) }
  }

  /// What the map makes of the shortest text in it that begins `range` of `bytes`, nil if there is none.
  func shortestMatch(_ range: Range<Int>, of bytes: Span<UInt8>) -> ArraySlice<UInt8>? {
    var found: Int?
    forEachMatch(range, of: bytes) { _, value in
      found = value
      return false
    }
    return found.map(text)
  }

  /// The longest text in the map that begins `range` of `bytes`: its byte count and what the map makes of it.
  func longestMatch(_ range: Range<Int>, of bytes: Span<UInt8>) -> (byteCount: Int, text: ArraySlice<UInt8>)? {
    var found: (byteCount: Int, value: Int)?
    forEachMatch(range, of: bytes) { byteCount, value in
      found = (byteCount, value)
      return true
    }
    return found.map { ($0.byteCount, text($0.value)) }
  }

  /// Calls `body` with the byte count and value of each text that begins the range, short ones first, while it wants.
  @inline(__always)
  private func forEachMatch(_ range: Range<Int>, of bytes: Span<UInt8>, _ body: (Int, Int) -> Bool) {
    var node = Self.offset(units[0])
    for index in range {
      let byte = UInt32(bytes[index])
      guard byte != 0 else { return }
      node ^= byte
      guard node < units.count, units[Int(node)] & 0x8000_00FF == byte else { return }
      let unit = units[Int(node)]
      node ^= Self.offset(unit)
      guard unit >> 8 & 1 == 1 else { continue }
      guard node < units.count, body(index + 1 - range.lowerBound, Int(units[Int(node)] & 0x7FFF_FFFF)) else { return }
    }
  }

  private static func offset(_ unit: UInt32) -> UInt32 { (unit >> 10) << ((unit & 1 << 9) >> 6) }

  /// The text at `start`; empty where a damaged map points past the texts or into a scalar.
  private func text(_ start: Int) -> ArraySlice<UInt8> {
    guard start < texts.count, texts[start] & 0xC0 != 0x80 else { return [] }
    return texts[start...].prefix { $0 != 0 }
  }
}
