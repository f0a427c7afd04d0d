import Testing

@testable import Checkpoints

/// Numbers of 64 bits in the types of weights.
struct WeightTypeTests {
  @Test func sixteenBitsAreRoundedOnce() {
    // Just above the middle of 1 and the next number: a float would be the middle, which goes to the even 1.
    for (type, unit) in [(DataType.float16, 0x1p-10), (.bfloat16, 0x1p-7)] {
      let middle = 1 + unit / 2
      #expect(type.rounded([middle + 0x1p-40, middle, middle - 0x1p-40]) == [Float(1 + unit), 1, 1])
    }
    #expect(DataType.bfloat16.rounded([-1 - 0x1p-8 - 0x1p-40, 1 + 3 * 0x1p-8 - 0x1p-40]) == [-1 - 0x1p-7, 1 + 0x1p-7])
    #expect(DataType.float32.rounded([1 + 0x1p-24 + 0x1p-50]) == [1 + 0x1p-23])
  }

  @Test(arguments: [DataType.float16, .bfloat16, .float32]) func roundedNumbersStayAsTheyAre(type: DataType) {
    let values = type.rounded([0.1, -3.7, 1e-6, 0, -0.0, 65504, 1e-9])
    #expect(type.rounded(values.map(Double.init)).map(\.bitPattern) == values.map(\.bitPattern))
    #expect(type.holdsWeights && Double(type.largest) >= 65504)
    #expect(!DataType.int64.holdsWeights && !DataType.float64.holdsWeights)
  }
}
