import Tensors

/// Weights that are off by a few roundings, as a model of sums in another order.
///
/// In single precision a sum of n terms is, in whatever order it is taken, the exact sum of terms that are each off by at
/// most n roundings of 2⁻²⁴, and by about √n where they fall independently (Higham, Accuracy and Stability of Numerical
/// Algorithms, 2nd edition, section 4.2). Other kernels thus do to a result what other weights would do. The sums of the
/// fixtures' models have 48 to some 250 terms, mostly added in parts: errors of up to 8 roundings, drawn at random.
struct Disturbance {
  /// 8 roundings.
  static let size: Float = 0x1p-21

  let key: RandomKey

  init(seed: UInt64) { key = RandomKey(seed: seed) }

  /// Multiplies each number by 1 + ε, ε uniform in ±``size``.
  func disturb(_ values: UnsafeMutableBufferPointer<Float>, _ name: String) {
    var errors = [Float](repeating: 0, count: values.count)
    errors.withUnsafeMutableBufferPointer { key.child(name).fillUniform($0, low: -Self.size, high: Self.size) }
    for (index, error) in errors.enumerated() { values[index] += values[index] * error }
  }
}
