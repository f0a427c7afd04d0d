/// The ids of words met before, by the words' bytes: an open-addressing hash table that is emptied when full.
struct WordCache: Sendable {
  /// Longer words are rare, and not kept.
  static let longestWord = 128
  /// Words kept at most.
  static let capacity = 1 << 16
  private static let slotBits = 17

  private struct Slot {
    var hash: UInt32 = 0
    var wordStart: Int32 = 0
    var idStart: Int32 = 0
    /// Bytes of the word; 0 where the slot is free.
    var wordCount: UInt16 = 0
    var idCount: UInt16 = 0
  }

  private var slots = [Slot](repeating: Slot(), count: 1 << WordCache.slotBits)
  private var words: [UInt8] = []
  private var ids: [Int32] = []
  private var count = 0

  /// Appends the ids of the word that `range` of `bytes` spells, if it is known.
  ///
  /// - Returns: Whether it is.
  mutating func appendKnown(
    _ range: Range<Int>, of bytes: Span<UInt8>, hash: UInt32, to output: inout [Int32]
  ) -> Bool {
    var index = firstSlot(of: hash)
    while slots[index].wordCount > 0 {
      let slot = slots[index]
      if slot.hash == hash, Int(slot.wordCount) == range.count, holds(range, of: bytes, at: Int(slot.wordStart)) {
        for id in Int(slot.idStart)..<Int(slot.idStart) + Int(slot.idCount) { output.append(ids[id]) }
        return true
      }
      index = (index + 1) & (slots.count - 1)
    }
    return false
  }

  /// Keeps the ids of a word that is not known yet, of 1 to ``longestWord`` bytes.
  mutating func insert(_ range: Range<Int>, of bytes: Span<UInt8>, hash: UInt32, ids newIds: ArraySlice<Int32>) {
    // Byte tokens of a long prefix may be more than a slot can count.
    guard newIds.count <= Int(UInt16.max) else { return }
    if count == Self.capacity { self = WordCache() }
    var index = firstSlot(of: hash)
    while slots[index].wordCount > 0 { index = (index + 1) & (slots.count - 1) }
    slots[index] = Slot(
      hash: hash, wordStart: Int32(words.count), idStart: Int32(ids.count), wordCount: UInt16(range.count),
      idCount: UInt16(newIds.count))
    for position in range { words.append(bytes[position]) }
    ids.append(contentsOf: newIds)
    count += 1
  }

  private func firstSlot(of hash: UInt32) -> Int { Int(hash >> (32 - UInt32(Self.slotBits))) }

  private func holds(_ range: Range<Int>, of bytes: Span<UInt8>, at start: Int) -> Bool {
    for offset in 0..<range.count where words[start + offset] != bytes[range.lowerBound + offset] { return false }
    return true
  }

  /// FNV-1a, then mixed so that the high bits depend on every byte.
  static func hash(_ range: Range<Int>, of bytes: Span<UInt8>) -> UInt32 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for index in range { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01B3 }
    return UInt32(truncatingIfNeeded: ((hash ^ hash >> 32) &* 0x9E37_79B9_7F4A_7C15) >> 32)
  }
}
