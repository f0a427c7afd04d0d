import Testing

@testable import Checkpoints

@Test func float16ConversionIsExactForEveryBitPattern() {
  #if !(os(macOS) && arch(x86_64))
    let wrong = (UInt16.min...UInt16.max).filter { bits in
      let (found, expected) = (HalfPrecision.float(float16: bits), Float(Float16(bitPattern: bits)))
      return expected.isNaN ? !found.isNaN : found.bitPattern != expected.bitPattern
    }
    #expect(wrong.isEmpty)
  #endif
}

@Test(
  arguments: [
    (0x0000, 0), (0x3c00, 1), (0xc000, -2), (0x7bff, 65504), (0x0400, 0x1p-14), (0x03ff, 0x1.ff8p-15),
    (0x0001, 0x1p-24),
    (0x8001, -0x1p-24), (0x7c00, Float.infinity), (0xfc00, -Float.infinity),
  ] as [(UInt16, Float)])
func float16ConversionAgreesWithTheStandardsValues(bits: UInt16, value: Float) {
  #expect(HalfPrecision.float(float16: bits) == value)
}

@Test func float16ConversionKeepsSignedZeroAndNaN() {
  #expect(HalfPrecision.float(float16: 0x8000).bitPattern == 0x8000_0000)
  #expect(HalfPrecision.float(float16: 0x7c01).isNaN)
  #expect(HalfPrecision.float(float16: 0xfe00).isNaN)
}

@Test func bfloat16ConversionIsTheUpperHalfForEveryBitPattern() {
  let wrong = (UInt16.min...UInt16.max).filter {
    HalfPrecision.float(bfloat16: $0).bitPattern != UInt32($0) << 16
  }
  #expect(wrong.isEmpty)
  #expect(HalfPrecision.float(bfloat16: 0x3f80) == 1)
  #expect(HalfPrecision.float(bfloat16: 0x7f80) == .infinity)
  #expect(HalfPrecision.float(bfloat16: 0x7fc0).isNaN)
}
