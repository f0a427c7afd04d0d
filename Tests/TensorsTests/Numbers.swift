import Foundation
import Testing

/// Sizes around the width of vector registers: none, one number, one short of a register, one register, one more, many.
let awkwardSizes = [0, 1, 15, 16, 17, 31, 33, 1000]

/// `count` different numbers between -3 and 3, the same at each call.
func numbers(_ count: Int, _ seed: Int = 0) -> [Float] {
  (0..<count).map { Float(3 * sin(Double($0 * 37 + seed * 1009 + 1))) }
}

/// Rows and columns for kernels on matrices, with a row's distance larger than its length.
struct Shape: Sendable, CustomTestStringConvertible {
  let rows, columns, stride: Int

  static let awkward = [(0, 5), (1, 1), (3, 15), (5, 16), (2, 17), (4, 33), (7, 130)].map {
    Shape(rows: $0.0, columns: $0.1, stride: $0.1 + 3)
  }

  var count: Int { rows * stride }
  /// Row and column of every element.
  var places: [(Int, Int)] { (0..<rows).flatMap { row in (0..<columns).map { (row, $0) } } }
  var testDescription: String { "\(rows) × \(columns)" }

  /// Whether the numbers between the rows are those of `original`.
  func keepsGaps(_ found: [Float], _ original: [Float]) -> Bool {
    (0..<rows).allSatisfy { row in
      let gap = row * stride + columns..<(row + 1) * stride
      return found[gap] == original[gap]
    }
  }
}

/// The largest difference between single-precision results and a double-precision loop's.
func largestDifference(_ found: [Float], _ expected: [Double]) -> Double {
  precondition(found.count == expected.count, "\(found.count) numbers for \(expected.count)")
  let differences = zip(found, expected).map { abs(Double($0) - $1) }
  return differences.contains { $0.isNaN } ? .infinity : differences.max() ?? 0
}
