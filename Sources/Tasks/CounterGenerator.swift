/// Random numbers that are a function of what they are for: Philox4x32-10 (Salmon et al. 2011, "Parallel random
/// numbers: as easy as 1, 2, 3"). No state is carried from draw to draw, so that any draw can be had without the ones
/// before.
struct CounterGenerator {
  /// The run's seed.
  let seed: UInt64

  /// The four output words for one counter.
  func words(_ counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
    var x = counter
    var key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    for _ in 0..<10 {
      let first = x[0].multipliedFullWidth(by: 0xD251_1F53)
      let second = x[2].multipliedFullWidth(by: 0xCD9E_8D57)
      x = SIMD4(second.high ^ x[1] ^ key[0], second.low, first.high ^ x[3] ^ key[1], first.low)
      key &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return x
  }

  /// Puts `values` in the random order that belongs to (seed, `stream`, `turn`): Fisher and Yates' shuffle.
  ///
  /// - Parameters:
  ///   - stream: What is shuffled; streams are independent of each other.
  ///   - turn: How often this stream has been shuffled before.
  func shuffle<Element>(_ values: inout [Element], stream: UInt32, turn: UInt32) {
    guard values.count > 1 else { return }
    for last in stride(from: values.count - 1, to: 0, by: -1) {
      let index = UInt64(last)
      let random = words(
        SIMD4(UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), stream, turn))
      let wide = UInt64(random[1]) << 32 | UInt64(random[0])
      // The high half of a 64 × 64 bit product is uniform below last + 1, up to a bias of (last + 1) / 2⁶⁴.
      values.swapAt(last, Int(wide.multipliedFullWidth(by: index + 1).high))
    }
  }
}
