import CKernels
import Foundation
import Testing

/// Layer norm, GELU, embeddings and cross-entropy against loops in double precision.
struct LayerKernelTests {
  /// Layer norm of one row: output, mean, 1/σ.
  private func norm(_ x: ArraySlice<Float>, _ gamma: [Float], _ beta: [Float]) -> (y: [Double], Double, Double) {
    let x = x.map(Double.init)
    let mean = x.reduce(0, +) / Double(x.count)
    let rstd = 1 / (x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count) + 1e-5).squareRoot()
    return (x.indices.map { (x[$0] - mean) * rstd * Double(gamma[$0]) + Double(beta[$0]) }, mean, rstd)
  }

  @Test(arguments: [2, 15, 16, 17, 768]) func layerNormForwardAndAgainAgreeWithALoop(width: Int) {
    let rows = 3, x = numbers(rows * width), gamma = numbers(width, 1), beta = numbers(width, 2)
    var y = [Float](repeating: .nan, count: x.count), mean = [Float](repeating: .nan, count: rows), rstd = mean
    ck_layer_norm_forward(rows, width, x, gamma, beta, 1e-5, &y, &mean, &rstd)
    for row in 0..<rows {
      let range = row * width..<(row + 1) * width
      let expected = norm(x[range], gamma, beta)
      // Sums of `width` numbers in single precision: a few 1e-7 of their size, times factors up to 10.
      #expect(largestDifference(Array(y[range]), expected.y) < 2e-5)
      #expect(abs(Double(mean[row]) - expected.1) < 1e-6)
      #expect(abs(Double(rstd[row]) - expected.2) < 1e-5)
    }
    var again = [Float](repeating: .nan, count: x.count)
    ck_layer_norm_again(rows, width, x, gamma, beta, mean, rstd, &again)
    #expect(largestDifference(again, y.map(Double.init)) < 2e-6)  // the same terms, perhaps fused differently
  }

  @Test(arguments: [2, 15, 16, 17, 130]) func layerNormBackwardAgreesWithCentralDifferences(width: Int) {
    let rows = 2, x = numbers(rows * width), dy = numbers(x.count, 3)
    let gamma = numbers(width, 1), beta = numbers(width, 2)
    var y = x, mean = [Float](repeating: 0, count: rows), rstd = mean
    ck_layer_norm_forward(rows, width, x, gamma, beta, 1e-5, &y, &mean, &rstd)
    var dx = numbers(x.count, 4), dgamma = numbers(width, 5), dbeta = numbers(width, 6)
    let (dx0, dgamma0, dbeta0) = (dx, dgamma, dbeta)
    ck_layer_norm_backward(rows, width, dy, x, gamma, mean, rstd, &dx)
    ck_layer_norm_parameter_gradients(rows, width, dy, x, width, mean, rstd, &dgamma, &dbeta)

    func loss(_ x: [Double]) -> Double {
      (0..<rows).reduce(0) { total, row in
        let part = x[row * width..<(row + 1) * width]
        let center = part.reduce(0, +) / Double(width)
        let scale = 1 / (part.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(width) + 1e-5).squareRoot()
        return total
          + (0..<width).reduce(0) {
            let index = row * width + $1
            return $0 + Double(dy[index]) * ((x[index] - center) * scale * Double(gamma[$1]) + Double(beta[$1]))
          }
      }
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
      let rowIndices = (0..<rows).map { $0 * width + column }
      let beta = rowIndices.reduce(0) { $0 + Double(dy[$1]) }
      let gamma = rowIndices.reduce(0) { $0 + Double(dy[$1]) * Double((x[$1] - mean[$1 / width]) * rstd[$1 / width]) }
      #expect(abs(Double(dbeta[column] - dbeta0[column]) - beta) < 5e-6)
      #expect(abs(Double(dgamma[column] - dgamma0[column]) - gamma) < 5e-6)
    }
  }

  private func gelu(_ x: Double) -> Double {
    0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  }

  @Test(arguments: awkwardSizes) func geluAgreesWithItsFormula(count: Int) {
    let x = numbers(count).map { 3 * $0 }
    var y = [Float](repeating: .nan, count: count)
    ck_gelu_tanh_forward(count, x, &y)
    #expect(largestDifference(y, x.map { gelu(Double($0)) }) < 5e-6)  // a few units in the last place of 9

    let dy = numbers(count, 1)
    var dx = dy
    ck_gelu_tanh_backward(count, x, &dx)
    let slopes = zip(x, dy).map { Double($1) * (gelu(Double($0) + 1e-5) - gelu(Double($0) - 1e-5)) / 2e-5 }
    #expect(largestDifference(dx, slopes) < 1e-5)
  }

  @Test func geluIsSoundForExtremeInputs() {
    let x: [Float] = [0, -0.0, 40, -40, 1e15, -1e15, 1e-30]
    var y = x, dx = [Float](repeating: 1, count: x.count)
    ck_gelu_tanh_forward(x.count, x, &y)
    #expect(y[0] == 0 && y[1] == 0 && y[2] == 40 && abs(y[3]) < 1e-30 && y[4] == 1e15)
    #expect(abs(y[5]) < 1e-20 && abs(y[6] - 5e-31) < 1e-35)
    ck_gelu_tanh_backward(x.count, x, &dx)
    #expect(dx[0] == 0.5 && dx[2] == 1 && abs(dx[3]) < 1e-20)
  }

  @Test(arguments: [1, 16, 17, 100]) func rowsAreEmbeddedGatheredAndScattered(width: Int) {
    let tokens: [Int32] = [4, 0, 4, 2, 4], positions: [Int32] = [0, 1, 2, 0, 1]
    let tokenTable = numbers(5 * width), positionTable = numbers(3 * width, 1)
    var y = [Float](repeating: .nan, count: 5 * width)
    ck_embed_scaled(5, width, tokens, tokenTable, 1, &y)
    ck_add_table_rows(5, width, positions, positionTable, &y)
    for i in 0..<5 {
      for j in 0..<width {
        let expected = tokenTable[Int(tokens[i]) * width + j] + positionTable[Int(positions[i]) * width + j]
        #expect(y[i * width + j] == expected)
      }
    }
    let stride = width + 2, source = numbers(5 * stride, 2)
    var gathered = [Float](repeating: .nan, count: 3 * width)
    ck_gather_rows(3, width, [3, 3, 0], source, stride, &gathered)
    #expect((0..<3 * width).allSatisfy { gathered[$0] == source[[3, 3, 0][$0 / width] * stride + $0 % width] })

    var table = tokenTable, expected = tokenTable
    ck_scatter_add_rows(5, width, tokens, source, stride, &table, width)
    for (i, token) in tokens.enumerated() {  // in row order: the same bits
      for j in 0..<width { expected[Int(token) * width + j] += source[i * stride + j] }
    }
    #expect(table == expected)
  }

  @Test(arguments: [1, 2, 15, 16, 17, 4097, 50257]) func crossEntropyAgreesWithALoop(classCount: Int) {
    let rows = 2, logits = numbers(rows * classCount).map { 4 * $0 }
    let labels = [Int32(classCount - 1), Int32(classCount / 3)]
    var gradient = logits, loss = [0.0, 0.0], lossAlone = loss
    ck_cross_entropy(rows, classCount, &gradient, labels, &loss)
    ck_cross_entropy_loss(rows, classCount, logits, labels, &lossAlone)
    #expect(loss == lossAlone)
    for row in 0..<rows {
      let values = logits[row * classCount..<(row + 1) * classCount].map { Double($0) }
      let total = values.reduce(0) { $0 + exp($1) }, label = Int(labels[row])
      // e^x to 1e-7, sums of up to 4096 terms in single precision, vector lanes apart.
      #expect(abs(loss[row] - (log(total) - values[label])) < 5e-6)
      let expected = values.indices.map { exp(values[$0]) / total - ($0 == label ? 1 : 0) }
      #expect(largestDifference(Array(gradient[row * classCount..<(row + 1) * classCount]), expected) < 1e-6)
    }
  }

  @Test func crossEntropyOfHugeLogitsIsFinite() {
    var logits: [Float] = [1e4, -1e4, 0, 9_999]
    var loss = [0.0]
    ck_cross_entropy(1, 4, &logits, [1], &loss)
    #expect(abs(loss[0] - (20_000 + log(1 + exp(-1)))) < 1e-2)  // 1e4 has a last place of 1e-3
    #expect(logits.allSatisfy { $0.isFinite })
    #expect(abs(logits.reduce(0, +)) < 1e-6)
  }
}
