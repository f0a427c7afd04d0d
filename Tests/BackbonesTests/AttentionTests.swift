import Foundation
import Tensors
import Testing

@testable import Backbones

/// Attention over ragged sequences against softmax attention in double precision, a row at a time.
struct AttentionTests {
  /// Kinds of attention, of heads 3 wide.
  enum Kind: CaseIterable {
    case plain, grouped, oneKeyHead, capped, window, everything

    var attention: CausalAttention {
      switch self {
      case .plain: CausalAttention(headCount: 2, headWidth: 3, scale: 0.6)
      case .grouped: CausalAttention(headCount: 4, keyHeadCount: 2, headWidth: 3, scale: 0.6)
      case .oneKeyHead: CausalAttention(headCount: 3, keyHeadCount: 1, headWidth: 3, scale: 0.6)
      case .capped: CausalAttention(headCount: 2, headWidth: 3, scale: 0.6, softCap: 1.5)
      case .window: CausalAttention(headCount: 2, headWidth: 3, scale: 0.6, window: 4)
      case .everything:
        CausalAttention(headCount: 6, keyHeadCount: 2, headWidth: 3, scale: 0.6, softCap: 1.5, window: 130)
      }
    }
  }

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

  private func inputs(_ qkv: Matrix, _ attention: CausalAttention) -> CausalAttention.Inputs {
    let keys = attention.width..<attention.width + attention.keyWidth
    return .init(
      q: qkv.columns(0..<attention.width), k: qkv.columns(keys), v: qkv.columns(keys.upperBound..<qkv.columns))
  }

  /// Where a number of queries (0), keys (1) or values (2) lies in a row.
  private func column(_ part: Int, _ head: Int, _ attention: CausalAttention) -> Int {
    part == 0
      ? head * 3
      : attention.width + (part - 1) * attention.keyWidth + head / (attention.headCount / attention.keyHeadCount) * 3
  }

  /// One row of one head's output; `first` is its sequence's first row.
  private func output(_ qkv: [Double], _ attention: CausalAttention, first: Int, row: Int, head: Int) -> [Double] {
    let width = attention.width + 2 * attention.keyWidth
    func value(_ row: Int, _ part: Int, _ index: Int) -> Double {
      qkv[row * width + column(part, head, attention) + index]
    }
    let seen = max(first, row + 1 - (attention.window ?? row + 1))...row
    let weights = seen.map { other in
      let score = Double(attention.scale) * (0..<3).reduce(0) { $0 + value(row, 0, $1) * value(other, 1, $1) }
      return exp(attention.softCap.map { Double($0) * tanh(score / Double($0)) } ?? score)
    }
    let total = weights.reduce(0, +)
    return (0..<3).map { column in zip(seen, weights).reduce(0) { $0 + $1.1 / total * value($1.0, 2, column) } }
  }

  @Test(arguments: Kind.allCases, [[1], [5, 1, 9], [128, 3], [2, 300, 129]])
  func forwardAgreesWithSoftmaxAttention(kind: Kind, lengths: [Int]) {
    let attention = kind.attention, pass = pass(lengths)
    let qkv = numbers(lengths.reduce(0, +), attention.width + 2 * attention.keyWidth, 1)
    let y = workspace.matrix(qkv.rows, attention.width)
    y.fill(.nan)
    _ = attention.forward(inputs(qkv, attention), into: y, pass)
    let exact = qkv.array().map(Double.init)
    for sequence in lengths.indices {
      let rows = pass.rows(of: sequence)
      for row in Set([rows.lowerBound, (rows.lowerBound + rows.upperBound) / 2, rows.upperBound - 1]) {
        for head in 0..<attention.headCount {
          let expected = output(exact, attention, first: rows.lowerBound, row: row, head: head)
          for (column, value) in expected.enumerated() {
            // Probabilities to 1e-6, values of a few units.
            #expect(abs(Double(y[row, head * 3 + column]) - value) < 1e-5, "row \(row), head \(head)")
          }
        }
      }
    }
  }

  /// 130 rows are one block of rows and a bit.
  @Test(arguments: Kind.allCases, [[4, 1, 7], [3, 130]])
  func backwardAgreesWithCentralDifferences(kind: Kind, lengths: [Int]) {
    let attention = kind.attention, pass = pass(lengths), width = attention.width + 2 * attention.keyWidth
    let qkv = numbers(lengths.reduce(0, +), width, 2)
    let dy = numbers(qkv.rows, attention.width, 3), y = workspace.matrix(qkv.rows, attention.width)
    let logSumExp = attention.forward(inputs(qkv, attention), into: y, pass)
    let gradient = workspace.matrix(qkv.rows, qkv.columns)
    gradient.fill(.nan)  // every element is set
    attention.backward(
      dy, y: y, logSumExp: logSumExp, inputs(qkv, attention), into: inputs(gradient, attention), pass)
    #expect(gradient.array().allSatisfy { $0.isFinite })

    let exact = qkv.array().map(Double.init), weights = dy.array().map(Double.init)
    /// What depends on a head of queries, or on the keys and values that it shares.
    func loss(_ qkv: [Double], of rows: Range<Int>, head: Int) -> Double {
      let group = attention.headCount / attention.keyHeadCount, first = head / group * group
      return rows.reduce(0) { total, row in
        (first..<first + group).reduce(total) { total, head in
          let y = output(qkv, attention, first: rows.lowerBound, row: row, head: head)
          return total + y.indices.reduce(0) { $0 + y[$1] * weights[row * attention.width + head * 3 + $1] }
        }
      }
    }
    for sequence in lengths.indices {
      let rows = pass.rows(of: sequence)
      for row in Set([rows.lowerBound, (rows.lowerBound + rows.upperBound) / 2, rows.upperBound - 1]) {
        for (part, head) in [(0, 0), (1, 1), (2, 0), (1, 0)] {
          let index = row * width + column(part, head, attention) + row % 3
          var moved = exact
          moved[index] += 1e-4
          let above = loss(moved, of: rows, head: head)
          moved[index] -= 2e-4
          let slope = (above - loss(moved, of: rows, head: head)) / 2e-4
          // Slopes of a few units, from sums of up to 390 terms in single precision.
          #expect(abs(Double(gradient.array()[index]) - slope) < 1e-4, "row \(row), part \(part)")
        }
      }
    }
  }

  @Test func aSequenceDoesNotSeeItsNeighbours() {
    let attention = Kind.plain.attention, qkv = numbers(12, 18, 4)
    let together = workspace.matrix(12, 6), alone = workspace.matrix(7, 6)
    _ = attention.forward(inputs(qkv, attention), into: together, pass([3, 7, 2]))
    _ = attention.forward(inputs(qkv.rows(3..<10), attention), into: alone, pass([7]))
    #expect(together.rows(3..<10).array() == alone.array())
  }
}
