import CKernels
import Testing

/// Root-mean-square norm against loops in double precision.
struct RMSNormKernelTests {
  private let rows = 3, epsilon = 1e-5

  private func norm(_ x: [Double], _ weight: [Float], _ offset: Double) -> [Double] {
    let width = weight.count
    return (0..<rows).flatMap { row -> [Double] in
      let part = x[row * width..<(row + 1) * width]
      let scale = 1 / (part.reduce(0) { $0 + $1 * $1 } / Double(width) + epsilon).squareRoot()
      return zip(part, weight).map { $0 * scale * (offset + Double($1)) }
    }
  }

  @Test(arguments: [1, 2, 15, 16, 17, 768], [0, 1] as [Float])
  func forwardAndAgainAgreeWithALoop(width: Int, offset: Float) {
    let x = numbers(rows * width), weight = numbers(width, 1)
    var y = [Float](repeating: .nan, count: x.count), rstd = [Float](repeating: .nan, count: rows)
    ck_rms_norm_forward(rows, width, x, weight, offset, Float(epsilon), &y, &rstd)
    // Sums of `width` numbers in single precision: a few 1e-7 of their size, times factors up to 10.
    #expect(largestDifference(y, norm(x.map(Double.init), weight, Double(offset))) < 2e-5)
    var again = [Float](repeating: .nan, count: x.count)
    ck_rms_norm_again(rows, width, x, weight, offset, rstd, &again)
    #expect(largestDifference(again, y.map(Double.init)) < 2e-6)  // the same terms, perhaps fused differently
  }

  @Test(arguments: [1, 2, 15, 16, 17, 130], [0, 1] as [Float])
  func backwardAgreesWithCentralDifferences(width: Int, offset: Float) {
    let x = numbers(rows * width), dy = numbers(x.count, 3), weight = numbers(width, 1)
    var y = x, rstd = [Float](repeating: 0, count: rows)
    ck_rms_norm_forward(rows, width, x, weight, offset, Float(epsilon), &y, &rstd)
    var dx = numbers(x.count, 4), dWeight = numbers(width, 5)
    let (dx0, dWeight0) = (dx, dWeight)
    ck_rms_norm_backward(rows, width, dy, x, weight, offset, rstd, &dx)
    ck_rms_norm_weight_gradient(rows, width, dy, x, width, rstd, &dWeight)
    func loss(_ x: [Double]) -> Double {
      zip(norm(x, weight, Double(offset)), dy).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    let start = x.map(Double.init), step = 1e-5
    for index in stride(from: 0, to: x.count, by: max(1, x.count / 20)) {
      var above = start, below = start
      above[index] += step
      below[index] -= step
      let slope = (loss(above) - loss(below)) / (2 * step)
      // Gradients up to 10 from sums of `width` numbers; the old contents stay added.
      #expect(abs(Double(dx[index] - dx0[index]) - slope) < 5e-5, "x[\(index)]")
    }
    for column in 0..<width {
      let expected = (0..<rows).reduce(0.0) {
        $0 + Double(dy[$1 * width + column]) * Double(x[$1 * width + column]) * Double(rstd[$1])
      }
      #expect(abs(Double(dWeight[column] - dWeight0[column]) - expected) < 5e-6)
    }
  }
}
