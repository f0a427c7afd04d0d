import CKernels
import Foundation
import Testing

/// Exact GELU, tanh, table rows and squared errors against loops in double precision.
struct EncoderKernelTests {
  private func gelu(_ x: Double) -> Double { x * 0.5 * erfc(-x / 2.0.squareRoot()) }

  /// Φ(x) + x φ(x).
  private func slope(_ x: Double) -> Double {
    0.5 * erfc(-x / 2.0.squareRoot()) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
  }

  @Test(arguments: awkwardSizes) func exactGELUAgreesWithItsFormula(count: Int) {
    let x = numbers(count).map { 3 * $0 }, dy = numbers(count, 1)
    // What lies behind the tail stays as it is.
    var y = [Float](repeating: -7, count: count + 3)
    ck_gelu_forward(count, x, &y)
    #expect(largestDifference(Array(y[..<count]), x.map { gelu(Double($0)) }) < 2e-6)  // units in the last place of 9
    #expect(y[count...].allSatisfy { $0 == -7 })
    var dx = dy + [-7, -7, -7]
    ck_gelu_backward(count, x, &dx)
    #expect(largestDifference(Array(dx[..<count]), zip(x, dy).map { slope(Double($0)) * Double($1) }) < 2e-6)
    #expect(dx[count...].allSatisfy { $0 == -7 })
  }

  /// Every few thousandths over the range where GELU bends: the worst place counts, not the mean.
  @Test func exactGELUIsExactEverywhere() {
    let x = (-6000...6000).map { Float($0) / 1000 }
    var y = x, dx = [Float](repeating: 1, count: x.count)
    ck_gelu_forward(x.count, x, &y)
    ck_gelu_backward(x.count, x, &dx)
    // Two units in the last place of 6, and of 1.
    #expect(largestDifference(y, x.map { gelu(Double($0)) }) < 1e-6)
    #expect(largestDifference(dx, x.map { slope(Double($0)) }) < 5e-7)
    // Near zero the result is as exact as its size.
    let small = (1...100).map { Float($0) * 1e-6 }
    var near = small
    ck_gelu_forward(small.count, small, &near)
    #expect(zip(near, small).allSatisfy { abs(Double($0) - gelu(Double($1))) < 2e-7 * Double($1) })
  }

  @Test func exactGELUIsSoundForExtremeInputs() {
    let x: [Float] = [0, -0.0, 40, -40, 1e15, -1e15, 1e-30]
    var y = x, dx = [Float](repeating: 1, count: x.count)
    ck_gelu_forward(x.count, x, &y)
    #expect(y[0] == 0 && y[1] == 0 && y[2] == 40 && abs(y[3]) < 1e-5 && y[4] == 1e15, "\(y)")
    #expect(abs(y[5]) < 1e-5 && abs(y[6] - 5e-31) < 1e-35, "\(y)")
    ck_gelu_backward(x.count, x, &dx)
    #expect(dx[0] == 0.5 && dx[1] == 0.5 && dx[2] == 1 && abs(dx[3]) < 1e-7, "\(dx)")
    #expect(dx[4] == 1 && abs(dx[5]) < 1e-7 && dx.allSatisfy(\.isFinite), "\(dx)")
  }

  @Test(arguments: awkwardSizes) func hyperbolicTangentAgreesWithItsFormula(count: Int) {
    let x = numbers(count), dy = numbers(count, 1)
    var y = x + [-7, -7, -7]
    ck_tanh_forward(count, &y)
    #expect(largestDifference(Array(y[..<count]), x.map { tanh(Double($0)) }) < 3e-7)  // a few units in the last place
    #expect(y[count...].allSatisfy { $0 == -7 })
    var dx = dy + [-7, -7, -7]
    ck_tanh_backward(count, y, &dx)
    let slopes = zip(x, dy).map { Double($1) * (1 - pow(tanh(Double($0)), 2)) }
    #expect(largestDifference(Array(dx[..<count]), slopes) < 3e-6)
    #expect(dx[count...].allSatisfy { $0 == -7 })
  }

  @Test func hyperbolicTangentIsSoundForExtremeInputs() {
    var y: [Float] = [0, 50, -50, 1e30, -1e30, 1e-6]
    ck_tanh_forward(y.count, &y)
    // It ends at 1 but for four units in the last place.
    #expect(largestDifference(y, [0, 1, -1, 1, -1, 1e-6]) < 3e-7 && y[0] == 0 && y[5] > 0, "\(y)")
  }

  @Test(arguments: [1, 15, 16, 17, 100]) func rowsOfATableAreAdded(width: Int) {
    let index: [Int32] = [2, 0, 2, 1], table = numbers(3 * width), start = numbers(4 * width + 3, 1)
    var y = start
    ck_add_table_rows(4, width, index, table, &y)
    for i in 0..<4 {
      for j in 0..<width { #expect(y[i * width + j] == start[i * width + j] + table[Int(index[i]) * width + j]) }
    }
    #expect(y[(4 * width)...] == start[(4 * width)...])
  }

  @Test(arguments: awkwardSizes) func squaredErrorsAndTheirSlopes(count: Int) {
    let prediction = numbers(count), target = numbers(count, 1)
    var slope = prediction + [-7], loss = [Double](repeating: -7, count: count + 1)
    ck_squared_error(count, &slope, target, &loss)
    for i in 0..<count {
      let error = Double(prediction[i]) - Double(target[i])
      #expect(abs(loss[i] - error * error) < 5e-6 && abs(Double(slope[i]) - 2 * error) < 1e-6)  // errors up to 6
    }
    #expect(slope[count] == -7 && loss[count] == -7)
  }
}
