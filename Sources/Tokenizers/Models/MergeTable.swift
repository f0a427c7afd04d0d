/// What each pair of adjacent tokens merges into, and how early: an open-addressing hash table.
struct MergeTable: Sendable {
  /// A merge: lower ranks go first.
  struct Merge: Sendable {
    var rank: Int32
    var id: Int32
  }

  private struct Slot {
    /// Left and right id; `vacant` where the slot is free.
    var pair: UInt64
    var merge: Merge
  }

  /// No pair of ids, which are never negative.
  private static let vacant = UInt64.max

  private var slots: [Slot]
  private let shift: UInt64

  /// Room for `count` merges, at most half full.
  init(count: Int) {
    let bits = max(4, Int.bitWidth - (2 * count).leadingZeroBitCount)
    slots = Array(repeating: Slot(pair: Self.vacant, merge: Merge(rank: 0, id: 0)), count: 1 << bits)
    shift = UInt64(64 - bits)
  }

  /// Sets what `left` and `right` merge into; a later call for the same pair wins.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    let pair = Self.pair(left, right)
    slots[slotIndex(of: pair)] = Slot(pair: pair, merge: merge)
  }

  /// What `left` and `right` merge into, nil if they do not.
  func merge(_ left: Int32, _ right: Int32) -> Merge? {
    let slot = slots[slotIndex(of: Self.pair(left, right))]
    return slot.pair == Self.vacant ? nil : slot.merge
  }

  private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The slot that holds `pair`, or the free one where it belongs. Half of the slots are free, so one is found.
  private func slotIndex(of pair: UInt64) -> Int {
    var index = Int((pair &* 0x9E37_79B9_7F4A_7C15) >> shift)
    while slots[index].pair != pair, slots[index].pair != Self.vacant { index = (index + 1) & (slots.count - 1) }
    return index
  }
}
