import CKernels

/// The counter-based generator that all random numbers come from: Philox4x32-10 (Salmon et al., SC 2011).
public enum Philox {
  /// The four words of one counter.
  public static func words(_ counter: SIMD4<UInt32>, key: UInt64) -> SIMD4<UInt32> {
    let halves = SIMD2(UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
    var words = SIMD4<UInt32>()
    withUnsafeBytes(of: counter) { counter in
      withUnsafeBytes(of: halves) { halves in
        withUnsafeMutableBytes(of: &words) { words in
          ck_philox(
            counter.assumingMemoryBound(to: UInt32.self).baseAddress!,
            halves.assumingMemoryBound(to: UInt32.self).baseAddress!,
            words.assumingMemoryBound(to: UInt32.self).baseAddress!)
        }
      }
    }
    return words
  }
}
