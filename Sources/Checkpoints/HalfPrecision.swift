/// Exact conversions of 16-bit floats to fp32, and back by rounding, without a branch per element so that the loops
/// vectorise on every processor (the hardware's own half conversion is not part of the x86-64 baseline).
enum HalfPrecision {
  /// The fp32 number of an IEEE 754 binary16 bit pattern: 1 sign, 5 exponent and 10 mantissa bits.
  @inline(__always)
  static func float(float16 bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let magnitude = UInt32(bits & 0x7fff)
    let mantissa = magnitude & 0x03ff
    // Exponent field 0: mantissa · 2⁻²⁴, zero included.
    let subnormal = (Float(Int32(truncatingIfNeeded: mantissa)) * 0x1p-24).bitPattern
    // Else the exponent's bias goes from 15 to 127; the field of infinities and NaNs, all ones, from 31 to 255.
    let rebias: UInt32 = magnitude >= 0x7c00 ? (255 - 31) << 23 : (127 - 15) << 23
    let normal = (magnitude << 13) &+ rebias
    return Float(bitPattern: sign | (magnitude < 0x0400 ? subnormal : normal))
  }

  /// The fp32 number of a bfloat16 bit pattern: the upper half of the fp32 pattern.
  @inline(__always)
  static func float(bfloat16 bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// The nearest IEEE 754 binary16 number, ties to even; infinite beyond 65520.
  static func float16(_ value: Float) -> UInt16 {
    let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000, magnitude = value.bitPattern & 0x7fff_ffff
    if magnitude > 0x7f80_0000 { return sign | 0x7e00 }
    // Below 2⁻¹⁴ the half is a multiple of 2⁻²⁴; rounding up to 1024 of them gives the first normal number's pattern.
    if magnitude < 0x3880_0000 {
      return sign | UInt16((Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven))
    }
    let rounded = (min(magnitude, 0x4780_0000) + 0x0fff + ((magnitude >> 13) & 1) - (112 << 23)) >> 13
    return sign | UInt16(min(rounded, 0x7c00))
  }

  /// The nearest bfloat16 number, ties to even; NaN stays NaN.
  @inline(__always)
  static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let nearest = bits &+ 0x7fff &+ ((bits >> 16) & 1), quiet = bits | 0x0040_0000
    return UInt16(truncatingIfNeeded: (bits & 0x7fff_ffff > 0x7f80_0000 ? quiet : nearest) >> 16)
  }

  /// Converts `destination.count` binary16 numbers, which need not be aligned.
  static func convert(float16 source: UnsafeRawBufferPointer, into destination: UnsafeMutableBufferPointer<Float>) {
    precondition(source.count == 2 * destination.count, "\(source.count) bytes for \(destination.count) halves")
    guard let from = source.baseAddress, let to = destination.baseAddress else { return }
    for index in 0..<destination.count {
      to[index] = float(float16: from.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self))
    }
  }

  /// Converts `destination.count` bfloat16 numbers, which need not be aligned.
  static func convert(bfloat16 source: UnsafeRawBufferPointer, into destination: UnsafeMutableBufferPointer<Float>) {
    precondition(source.count == 2 * destination.count, "\(source.count) bytes for \(destination.count) bfloats")
    guard let from = source.baseAddress, let to = destination.baseAddress else { return }
    for index in 0..<destination.count {
      to[index] = float(bfloat16: from.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self))
    }
  }

  /// Rounds `destination.count` fp32 numbers, which need not be aligned, to bfloat16.
  ///
  /// - Returns: Whether every finite number stays finite.
  static func round(float32 source: UnsafeRawBufferPointer, into destination: UnsafeMutableBufferPointer<UInt16>)
    -> Bool
  {
    precondition(source.count == 4 * destination.count, "\(source.count) bytes for \(destination.count) bfloats")
    guard let from = source.baseAddress, let to = destination.baseAddress else { return true }
    var overflows: UInt32 = 0
    for index in 0..<destination.count {
      let bits = from.loadUnaligned(fromByteOffset: 4 &* index, as: UInt32.self)
      to[index] = bfloat16(Float(bitPattern: bits))
      // From the middle above the largest bfloat16 number up to infinity.
      overflows |= (bits & 0x7fff_ffff) &- 0x7f7f_8000 < 0x8000 ? 1 : 0
    }
    return overflows == 0
  }

  /// Rounds `destination.count` binary16 numbers, which need not be aligned, to bfloat16; all are in its range.
  static func round(float16 source: UnsafeRawBufferPointer, into destination: UnsafeMutableBufferPointer<UInt16>) {
    precondition(source.count == 2 * destination.count, "\(source.count) bytes for \(destination.count) halves")
    guard let from = source.baseAddress, let to = destination.baseAddress else { return }
    for index in 0..<destination.count {
      to[index] = bfloat16(float(float16: from.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self)))
    }
  }
}
