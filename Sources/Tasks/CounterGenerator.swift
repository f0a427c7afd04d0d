import Tensors

/// Random numbers that are a function of what they are for, see ``Philox``. No state is carried from draw to draw, so
/// that any draw can be had without the ones before.
struct CounterGenerator {
  /// The run's seed.
  let seed: UInt64

  /// The four output words for one counter.
  func words(_ counter: SIMD4<UInt32>) -> SIMD4<UInt32> { Philox.words(counter, key: seed) }

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
