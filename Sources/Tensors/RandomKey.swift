import CKernels

/// Random numbers that depend on what they are for, never on who draws them or when.
///
/// A key is a 64-bit hash of a path such as (seed, "dropout", step, sequence, site); the numbers under it come from the
/// counter-based generator Philox4x32-10 (Salmon et al., SC 2011). Ranks, order and resumption therefore change nothing.
public struct RandomKey: Hashable, Sendable {
  public let value: UInt64

  public init(seed: UInt64) { value = Self.mix(seed ^ 0x9E37_79B9_7F4A_7C15) }

  private init(value: UInt64) { self.value = value }

  /// The key of a numbered child.
  public func child(_ index: UInt64) -> RandomKey { RandomKey(value: Self.mix(value &+ Self.mix(index &+ 1))) }

  /// The key of a named child (FNV-1a of the name's UTF-8 bytes).
  public func child(_ name: String) -> RandomKey { child(FNV1a.hash(name.utf8)) }

  /// The finaliser of SplitMix64 (Steele et al. 2014).
  private static func mix(_ x: UInt64) -> UInt64 {
    var z = x
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Fills with uniform numbers in [low, high).
  public func fillUniform(_ x: UnsafeMutableBufferPointer<Float>, low: Float, high: Float) {
    guard let base = x.baseAddress else { return }
    ck_uniform(x.count, value, 0, base)
    for i in x.indices { x[i] = low + (high - low) * x[i] }
  }

  /// Fills with normal numbers of mean 0.
  public func fillNormal(_ x: UnsafeMutableBufferPointer<Float>, standardDeviation: Float) {
    guard let base = x.baseAddress else { return }
    ck_normal(x.count, value, 0, base)
    ck_scale(x.count, standardDeviation, base)
  }

  /// y = x with elements dropped at `rate` and the kept ones scaled by 1 / (1 - rate); element i depends on the key and i.
  public func dropout(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int, rate: Float) {
    Threads.elements(count) { ck_dropout($1, rate, value, 0, UInt64($0), x + $0, y + $0) }
  }
}
