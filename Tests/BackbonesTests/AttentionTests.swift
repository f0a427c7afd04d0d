import Foundation
import Tensors
import Testing

@testable import Backbones

/// Attention over ragged sequences against softmax attention in double precision, a row at a time.
struct AttentionTests {
  private static var attention: CausalAttention { CausalAttention(headCount: 2, headWidth: 3, scale: 0.6) }
  private static let width = 6
  private let workspace = Workspace()

  private func pass(_ lengths: [Int]) -> Pass {
    Pass(
      starts: lengths.reduce(into: [0]) { $0.append($0.last! + $1) }, tasks: lengths.map { _ in 0 },
      ordinals: lengths.map { _ in 0 }, randomKey: nil, keepsActivations: true, saved: workspace, scratch: Workspace())
  }

  /// Random numbers as queries, keys and values side by side, as the model has them.
  private func numbers(_ rows: Int, _ columns: Int, _ seed: UInt64) -> Matrix {
    let matrix = workspace.matrix(rows, columns)
    RandomKey(seed: seed).fillNormal(matrix.elements, standardDeviation: 1)
    return matrix
  }

  private func inputs(_ qkv: Matrix) -> CausalAttention.Inputs {
    let width = Self.width
    return .init(
      q: qkv.columns(0..<width), k: qkv.columns(width..<2 * width), v: qkv.columns(2 * width..<3 * width))
  }

  /// One row of one head's output; `first` is its sequence's first row.
  private func output(_ qkv: [Double], first: Int, row: Int, head: Int) -> [Double] {
    let width = Self.width, headWidth = Self.attention.headWidth
    func value(_ row: Int, _ part: Int, _ column: Int) -> Double {
      qkv[row * 3 * width + part * width + head * headWidth + column]
    }
    let weights = (first...row).map { other in
      exp(Double(Self.attention.scale) * (0..<headWidth).reduce(0) { $0 + value(row, 0, $1) * value(other, 1, $1) })
    }
    let total = weights.reduce(0, +)
    return (0..<headWidth).map { column in
      weights.indices.reduce(0) { $0 + weights[$1] / total * value(first + $1, 2, column) }
    }
  }

  @Test(arguments: [[1], [5, 1, 9], [128, 3], [2, 300, 129]])
  func forwardAgreesWithSoftmaxAttention(lengths: [Int]) {
    let pass = pass(lengths), qkv = numbers(lengths.reduce(0, +), 3 * Self.width, 1)
    let y = workspace.matrix(qkv.rows, Self.width)
    y.fill(.nan)
    _ = Self.attention.forward(inputs(qkv), into: y, pass)
    let exact = qkv.array().map(Double.init)
    for sequence in lengths.indices {
      let rows = pass.rows(of: sequence)
      for row in Set([rows.lowerBound, (rows.lowerBound + rows.upperBound) / 2, rows.upperBound - 1]) {
        for head in 0..<2 {
          let expected = output(exact, first: rows.lowerBound, row: row, head: head)
          for (column, value) in expected.enumerated() {
            // Probabilities to 1e-6, values of a few units.
            #expect(abs(Double(y[row, head * 3 + column]) - value) < 1e-5, "row \(row), head \(head)")
          }
        }
      }
    }
  }

  /// 130 rows are one block of rows and a bit.
  @Test(arguments: [[4, 1, 7], [3, 130]]) func backwardAgreesWithCentralDifferences(lengths: [Int]) {
    let pass = pass(lengths), qkv = numbers(lengths.reduce(0, +), 3 * Self.width, 2)
    let dy = numbers(qkv.rows, Self.width, 3), y = workspace.matrix(qkv.rows, Self.width)
    let logSumExp = Self.attention.forward(inputs(qkv), into: y, pass)
    let gradient = workspace.matrix(qkv.rows, qkv.columns)
    gradient.fill(.nan)  // every element is set
    Self.attention.backward(dy, y: y, logSumExp: logSumExp, inputs(qkv), into: inputs(gradient), pass)
    #expect(gradient.array().allSatisfy { $0.isFinite })

    let exact = qkv.array().map(Double.init), weights = dy.array().map(Double.init)
    func loss(_ qkv: [Double], of rows: Range<Int>, head: Int) -> Double {
      rows.reduce(0) { total, row in
        let y = output(qkv, first: rows.lowerBound, row: row, head: head)
        return total + y.indices.reduce(0) { $0 + y[$1] * weights[row * Self.width + head * 3 + $1] }
      }
    }
    for sequence in lengths.indices {
      let rows = pass.rows(of: sequence)
      for row in Set([rows.lowerBound, (rows.lowerBound + rows.upperBound) / 2, rows.upperBound - 1]) {
        for (part, head) in [(0, 0), (1, 1), (2, 0), (1, 0)] {
          let index = row * 3 * Self.width + part * Self.width + head * 3 + row % 3
          var moved = exact
          moved[index] += 1e-4
          let above = loss(moved, of: rows, head: head)
          moved[index] -= 2e-4
          let slope = (above - loss(moved, of: rows, head: head)) / 2e-4
          // Slopes of a few units, from sums of up to 130 terms in single precision.
          #expect(abs(Double(gradient.array()[index]) - slope) < 5e-5, "row \(row), part \(part)")
        }
      }
    }
  }

  @Test func aSequenceDoesNotSeeItsNeighbours() {
    let qkv = numbers(12, 3 * Self.width, 4)
    let together = workspace.matrix(12, Self.width), alone = workspace.matrix(7, Self.width)
    _ = Self.attention.forward(inputs(qkv), into: together, pass([3, 7, 2]))
    _ = Self.attention.forward(inputs(qkv.rows(3..<10)), into: alone, pass([7]))
    #expect(together.rows(3..<10).array() == alone.array())
  }
}
