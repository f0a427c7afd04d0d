import CKernels
import Foundation
import Testing

/// Causal softmax, its backward pass and the attention of one query against loops in double precision.
struct AttentionKernelTests {
  /// A block of scores: `first` rows of the sequence lie before it.
  struct Block: Sendable {
    let rows, columns, first: Int
    var stride: Int { columns + 2 }
    static let awkward = [
      Block(rows: 1, columns: 1, first: 0), Block(rows: 5, columns: 5, first: 0),
      Block(rows: 17, columns: 17, first: 0), Block(rows: 3, columns: 131, first: 128),
      Block(rows: 128, columns: 128, first: 0), Block(rows: 2, columns: 40, first: 7),
    ]

    /// The probabilities of a row, zeros behind the diagonal, and the log of the sum of exponentials.
    func softmax(_ scores: [Float], row: Int, scale: Double) -> (p: [Double], logSumExp: Double) {
      let kept = min(first + row + 1, columns)
      let exponentials = (0..<kept).map { exp(scale * Double(scores[row * stride + $0])) }
      let total = exponentials.reduce(0, +)
      return (exponentials.map { $0 / total } + Array(repeating: 0, count: columns - kept), log(total))
    }
  }

  @Test(arguments: Block.awkward) func causalSoftmaxAgreesWithALoop(block: Block) {
    let scores = numbers(block.rows * block.stride).map { 5 * $0 }, scale: Float = 0.35
    var p = scores, logSumExp = [Float](repeating: .nan, count: block.rows)
    ck_masked_softmax(block.rows, block.columns, block.first, .max, 0, scale, &p, block.stride, &logSumExp)
    var again = scores
    ck_masked_softmax_again(block.rows, block.columns, block.first, .max, 0, scale, &again, block.stride, logSumExp)
    for row in 0..<block.rows {
      let expected = block.softmax(scores, row: row, scale: Double(scale))
      let range = row * block.stride..<row * block.stride + block.columns
      // Exponentials to 1e-7; the second pass subtracts a rounded log-sum-exp of up to 10, which costs 1e-6 more.
      #expect(largestDifference(Array(p[range]), expected.p) < 1e-6)
      #expect(largestDifference(Array(again[range]), expected.p) < 3e-6)
      #expect(abs(Double(logSumExp[row]) - expected.logSumExp) < 3e-6)
      #expect(p[range.upperBound] == scores[range.upperBound])  // nothing is written between rows
    }
  }

  @Test(arguments: Block.awkward, [1, 3, 20]) func aWindowIsASoftmaxOfItsColumns(block: Block, window: Int) {
    let scores = numbers(block.rows * block.stride).map { 5 * $0 }
    var p = scores, logSumExp = [Float](repeating: .nan, count: block.rows)
    ck_masked_softmax(block.rows, block.columns, block.first, window, 0, 0.35, &p, block.stride, &logSumExp)
    var again = scores
    ck_masked_softmax_again(block.rows, block.columns, block.first, window, 0, 0.35, &again, block.stride, logSumExp)
    for row in 0..<block.rows {
      let own = block.first + row, seen = max(0, own + 1 - window)...own
      let exponentials = (0..<block.columns).map {
        seen.contains($0) ? exp(0.35 * Double(scores[row * block.stride + $0])) : 0
      }
      let total = exponentials.reduce(0, +), range = row * block.stride..<row * block.stride + block.columns
      #expect(largestDifference(Array(p[range]), exponentials.map { $0 / total }) < 1e-6)
      #expect(largestDifference(Array(again[range]), exponentials.map { $0 / total }) < 3e-6)
    }
  }

  @Test(arguments: Block.awkward, [1, 4, 200]) func aVisiblePrefixIsSeenByEveryRow(block: Block, prefix: Int) {
    let scores = numbers(block.rows * block.stride).map { 5 * $0 }, visible = min(prefix, block.columns)
    var p = scores, logSumExp = [Float](repeating: .nan, count: block.rows)
    ck_masked_softmax(block.rows, block.columns, block.first, .max, visible, 0.35, &p, block.stride, &logSumExp)
    var again = scores
    ck_masked_softmax_again(
      block.rows, block.columns, block.first, .max, visible, 0.35, &again, block.stride, logSumExp)
    for row in 0..<block.rows {
      let exponentials = (0..<block.columns).map {
        $0 < visible || $0 <= block.first + row ? exp(0.35 * Double(scores[row * block.stride + $0])) : 0
      }
      let total = exponentials.reduce(0, +), range = row * block.stride..<row * block.stride + block.columns
      #expect(largestDifference(Array(p[range]), exponentials.map { $0 / total }) < 1e-6)
      #expect(largestDifference(Array(again[range]), exponentials.map { $0 / total }) < 3e-6)
    }
  }

  @Test func causalSoftmaxHoldsForHugeScores() {
    var scores: [Float] = [2e4, 1e4, -3e4, 2e4], logSumExp: [Float] = [0]
    ck_masked_softmax(1, 4, 3, .max, 0, 1, &scores, 4, &logSumExp)
    #expect(scores[0] == 0.5 && scores[1] < 1e-37 && scores[2] < 1e-37 && scores[3] == 0.5)
    #expect(abs(logSumExp[0] - 20_000.693) < 2e-3)  // the last place of 2e4
  }

  @Test(arguments: Shape.awkward) func rowProductsAreDotProducts(shape: Shape) {
    let dy = numbers(shape.count), y = numbers(shape.rows * (shape.columns + 1), 1)
    var delta = [Float](repeating: .nan, count: shape.rows)
    ck_row_products(shape.rows, shape.columns, dy, shape.stride, y, shape.columns + 1, &delta)
    let expected = (0..<shape.rows).map { row in
      (0..<shape.columns).reduce(0.0) {
        $0 + Double(dy[row * shape.stride + $1]) * Double(y[row * (shape.columns + 1) + $1])
      }
    }
    #expect(largestDifference(delta, expected) < 5e-5)  // up to 130 products up to 9
  }

  @Test(arguments: Block.awkward) func softmaxBackwardAgreesWithCentralDifferences(block: Block) {
    let scores = numbers(block.rows * block.stride), weights = numbers(block.rows * block.stride, 1)
    let scale: Float = 0.35
    var p = scores, logSumExp = [Float](repeating: 0, count: block.rows)
    ck_masked_softmax(block.rows, block.columns, block.first, .max, 0, scale, &p, block.stride, &logSumExp)
    // The loss is Σ weights p: dp is the weights, and delta, their product with p, stands for rowsum(dY Y).
    let delta = (0..<block.rows).map { row in
      (0..<block.columns).reduce(Float(0)) { $0 + weights[row * block.stride + $1] * p[row * block.stride + $1] }
    }
    var gradient = weights
    ck_softmax_backward(block.rows, block.columns, scale, p, &gradient, block.stride, delta)
    func loss(_ scores: [Float], row: Int, moving column: Int, by step: Double) -> Double {
      let kept = min(block.first + row + 1, block.columns)
      let exponentials = (0..<kept).map {
        exp(Double(scale) * (Double(scores[row * block.stride + $0]) + ($0 == column ? step : 0)))
      }
      let weighted = exponentials.indices.reduce(0) { $0 + exponentials[$1] * Double(weights[row * block.stride + $1]) }
      return weighted / exponentials.reduce(0, +)
    }
    for row in [0, block.rows - 1] {
      for column in Set([0, block.columns / 2, block.columns - 1]) {
        let above = loss(scores, row: row, moving: column, by: 1e-5)
        let slope = (above - loss(scores, row: row, moving: column, by: -1e-5)) / 2e-5
        #expect(abs(Double(gradient[row * block.stride + column]) - slope) < 3e-6)  // gradients up to 1
      }
    }
  }

  @Test(arguments: [1, 2, 15, 16, 17, 200], [(1, 0), (16, 0), (24, 4), (64, 0), (64, 4)] as [(Int, Float)])
  func oneQueryAttendsToItsPast(length: Int, shape: (width: Int, cap: Float)) {
    for (heads, sharing) in [(1, 1), (2, 1), (6, 3)] {
      for isBiased in [false, true] {
        OneQuery(heads: heads, sharing: sharing, length: length, width: shape.width, cap: shape.cap, isBiased: isBiased)
          .check()
      }
    }
  }

  /// Some heads of a query, and the keys that they see.
  private struct OneQuery {
    let heads, sharing, length, width: Int
    let cap: Float
    let isBiased: Bool

    private var stride: Int { 3 * heads / sharing * width + 1 }
    private var q: [Float] { numbers(heads * width) }
    private var k: [Float] { numbers(length * stride, 1) }
    private var v: [Float] { numbers(length * stride, 2) }
    private var bias: [Float] { numbers(length, 3) }

    /// Attention on some of the keys, and each head's log-sum-exp.
    private func attend(_ keys: Range<Int>) -> (y: [Float], sums: [Float]) {
      var y = [Float](repeating: .nan, count: heads * width), sums = [Float](repeating: .nan, count: heads)
      var scores = [Float](repeating: .nan, count: heads * keys.count)
      ck_attend_one(
        heads, sharing, keys.count, width, 1 / Float(width).squareRoot(), cap, isBiased ? Array(bias[keys]) : nil, q,
        Array(k[(keys.lowerBound * stride)...]), Array(v[(keys.lowerBound * stride)...]), stride, &scores, &y, &sums)
      return (y, sums)
    }

    /// The same by a loop.
    private func expected(head: Int) -> (y: [Double], sum: Double) {
      let scale = 1 / Double(width).squareRoot(), q = q, k = k, v = v, bias = bias, first = head / sharing * width
      let exponentials = (0..<length).map { t in
        let score = (0..<width).reduce(0.0) {
          $0 + scale * Double(q[head * width + $1]) * Double(k[t * stride + first + $1])
        }
        return exp((cap > 0 ? Double(cap) * tanh(score / Double(cap)) : score) + (isBiased ? Double(bias[t]) : 0))
      }
      let total = exponentials.reduce(0, +)
      let y = (0..<width).map { j in
        (0..<length).reduce(0.0) { $0 + exponentials[$1] / total * Double(v[$1 * stride + first + j]) }
      }
      return (y, log(total))
    }

    func check() {
      let expected = (0..<heads).map(expected)
      func expect(_ y: [Float], _ sums: [Float]) {
        // Scores up to 30, so probabilities to 2e-6; values up to 3.
        #expect(largestDifference(y, expected.flatMap(\.y)) < 2e-5)
        #expect(largestDifference(sums, expected.map(\.sum)) < 2e-5)
      }
      let whole = attend(0..<length)
      expect(whole.y, whole.sums)
      // In two parts, joined.
      guard length > 1 else { return }
      var (y, sums) = attend(0..<length / 3 + 1)
      let other = attend(length / 3 + 1..<length)
      // The others' log-sum-exps lie apart.
      ck_join_attention(heads, width, &y, &sums, other.y, other.sums.flatMap { [$0, .nan] }, 2)
      expect(y, sums)
    }
  }
}
