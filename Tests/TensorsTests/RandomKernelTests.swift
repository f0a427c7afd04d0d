import CKernels
import Foundation
import Testing

/// Philox and what is drawn from it.
struct RandomKernelTests {
  /// The known answers that the Random123 library publishes for philox4x32 with ten rounds.
  @Test(
    arguments: [
      ([0, 0, 0, 0], [0, 0], [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
      (
        [.max, .max, .max, .max], [.max, .max], [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]
      ),
      (
        [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], [0xA409_3822, 0x299F_31D0],
        [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
      ),
    ] as [([UInt32], [UInt32], [UInt32])])
  func philoxGivesThePublishedNumbers(counter: [UInt32], key: [UInt32], expected: [UInt32]) {
    var words: [UInt32] = [0, 0, 0, 0]
    ck_philox(counter, key, &words)
    #expect(words == expected)
  }

  @Test(arguments: awkwardSizes) func uniformNumbersAreTheCountersTopBits(count: Int) {
    let key: UInt64 = 0x1234_5678_9ABC_DEF0, stream: UInt64 = 0xFEDC_0000_0001
    var x = [Float](repeating: .nan, count: count)
    ck_uniform(count, key, stream, &x)
    for index in 0..<count {
      var words: [UInt32] = [0, 0, 0, 0]
      let counter = [UInt32(index / 4), 0, UInt32(truncatingIfNeeded: stream), UInt32(stream >> 32)]
      ck_philox(counter, [UInt32(truncatingIfNeeded: key), UInt32(key >> 32)], &words)
      #expect(x[index] == Float(words[index % 4] >> 8) / 16_777_216)
    }
  }

  @Test(arguments: awkwardSizes) func normalNumbersAreBoxAndMullers(count: Int) {
    let pairs = (count + 3) / 4 * 4
    var unit = [Float](repeating: 0, count: pairs), x = [Float](repeating: .nan, count: count)
    ck_uniform(pairs, 7, 3, &unit)
    ck_normal(count, 7, 3, &x)
    let expected = (0..<count).map { index in
      let first = Double(unit[index / 2 * 2]), angle = 2 * Double.pi * Double(unit[index / 2 * 2 + 1])
      return (-2 * log(1 - first)).squareRoot() * (index % 2 == 0 ? cos(angle) : sin(angle))
    }
    #expect(largestDifference(x, expected) < 2e-6)  // numbers up to 5 in single precision
  }

  @Test(arguments: awkwardSizes) func aNumberDependsOnItsPlaceAlone(count: Int) {
    func draw(_ kernel: (Int, UInt64, UInt64, UnsafeMutablePointer<Float>) -> Void, _ count: Int) -> [Float] {
      var x = [Float](repeating: .nan, count: count)
      kernel(count, 7, 3, &x)
      return x
    }
    #expect(draw(ck_uniform, count) == Array(draw(ck_uniform, 1100)[..<count]))
    // A vector's operations may be fused otherwise than those of the numbers left over: a last place of up to 5.
    let normal = draw(ck_normal, 1100)[..<count].map(Double.init)
    #expect(largestDifference(draw(ck_normal, count), normal) < 1e-6)
    #expect(draw(ck_normal, count) == draw(ck_normal, count))
  }

  @Test func uniformAndNormalNumbersHaveTheirMoments() {
    let count = 100_000
    func moments(_ x: [Float]) -> [Double] {
      (1...4).map { power in
        x.reduce(0.0) { sum, value in sum + (0..<power).reduce(1.0) { product, _ in product * Double(value) } }
          / Double(count)
      }
    }
    var x = [Float](repeating: 0, count: count)
    ck_uniform(count, 11, 0, &x)
    #expect(x.allSatisfy { $0 >= 0 && $0 < 1 })
    // Four standard errors of each mean: √(variance / count).
    for (found, (expected, error)) in zip(moments(x), [(0.5, 0.289), (1.0 / 3, 0.298), (0.25, 0.284), (0.2, 0.267)]) {
      #expect(abs(found - expected) < 4 * error / 316)
    }
    ck_normal(count, 11, 1, &x)
    for (found, (expected, error)) in zip(moments(x), [(0.0, 1.0), (1, 1.41), (0, 3.87), (3, 9.8)]) {
      #expect(abs(found - expected) < 4 * error / 316)
    }
  }

  @Test func differentKeysAndStreamsGiveUnrelatedNumbers() {
    func draw(_ key: UInt64, _ stream: UInt64) -> [Float] {
      var x = [Float](repeating: 0, count: 10_000)
      ck_normal(x.count, key, stream, &x)
      return x
    }
    let base = draw(1, 1)
    for other in [draw(2, 1), draw(1, 2), draw(1 << 32 | 1, 1), draw(1, 1 << 32 | 1)] {
      let correlation = zip(base, other).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / 10_000
      #expect(abs(correlation) < 0.04)  // four standard errors of 0.01
    }
  }

  @Test(arguments: [Float(0.05), 0.1, 0.5, 0.9]) func dropoutDropsItsShareAndScalesTheRest(rate: Float) {
    let count = 40_001, x = numbers(count).map { $0 == 0 ? 1 : $0 }
    var y = [Float](repeating: .nan, count: count)
    ck_dropout(count, rate, 5, 6, 0, x, &y)
    let dropped = y.count { $0 == 0 }
    let error = (Double(rate) * Double(1 - rate) / Double(count)).squareRoot()
    #expect(abs(Double(dropped) / Double(count) - Double(rate)) < 4 * error)
    #expect(zip(x, y).allSatisfy { $1 == 0 || $1 == $0 * (1 / (1 - rate)) })
  }

  @Test(arguments: awkwardSizes) func dropoutOfAnElementDependsOnItsPlaceAlone(count: Int) {
    let x = [Float](repeating: 1, count: 1100)
    let start = [Float](x[..<count])
    var long = x, short = start, inPlace = x
    ck_dropout(1100, 0.3, 9, 2, 0, x, &long)
    ck_dropout(count, 0.3, 9, 2, 0, start, &short)
    #expect(short == Array(long[..<count]))
    let rest = Array(x[8...].prefix(count))
    ck_dropout(rest.count, 0.3, 9, 2, 8, rest, &short)
    #expect(short.prefix(rest.count) == long[8..<8 + rest.count])
    inPlace.withUnsafeMutableBufferPointer { ck_dropout(1100, 0.3, 9, 2, 0, $0.baseAddress!, $0.baseAddress!) }
    #expect(inPlace == long)
  }
}
