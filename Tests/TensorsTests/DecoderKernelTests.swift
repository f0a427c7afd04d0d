import CKernels
import Foundation
import Testing

/// Rotary positions, gated activations, soft caps and scaled embeddings against loops in double precision.
struct DecoderKernelTests {
  @Test(arguments: [2, 6, 32, 34, 128], [1, 3]) func pairsAreTurned(width: Int, heads: Int) {
    let rows = 3, half = width / 2, stride = heads * width + 5
    let angles = numbers(rows * half, 1), cosines = angles.map { cos($0) }, sines = angles.map { sin($0) }
    let x = numbers(rows * stride), positions: [Int32] = [2, 0, 1]
    var y = x
    ck_rotate(rows, heads, width, positions, cosines, sines, 1, &y, stride)
    for row in 0..<rows {
      for head in 0..<heads {
        for j in 0..<half {
          let first = row * stride + head * width + j, second = first + half
          let (c, s) = (Double(cosines[Int(positions[row]) * half + j]), Double(sines[Int(positions[row]) * half + j]))
          // Two products of numbers up to 3.
          #expect(abs(Double(y[first]) - (Double(x[first]) * c - Double(x[second]) * s)) < 1e-6)
          #expect(abs(Double(y[second]) - (Double(x[second]) * c + Double(x[first]) * s)) < 1e-6)
        }
      }
      #expect(
        y[row * stride + heads * width..<(row + 1) * stride] == x[row * stride + heads * width..<(row + 1) * stride])
    }
    ck_rotate(rows, heads, width, positions, cosines, sines, -1, &y, stride)
    #expect(largestDifference(y, x.map(Double.init)) < 2e-6)  // turned there and back
  }

  private func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }

  private func gelu(_ x: Double) -> Double {
    0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  }

  @Test(arguments: awkwardSizes, [true, false]) func gatedActivationsAgreeWithTheirFormulas(count: Int, isSilu: Bool) {
    let gate = numbers(count).map { 3 * $0 }, up = numbers(count, 1), dy = numbers(count, 2)
    let activation = isSilu ? silu : gelu
    let forward = isSilu ? ck_gated_silu_forward : ck_gated_gelu_tanh_forward
    let backward = isSilu ? ck_gated_silu_backward : ck_gated_gelu_tanh_backward
    var y = [Float](repeating: .nan, count: count)
    forward(count, gate, up, &y)
    #expect(largestDifference(y, zip(gate, up).map { activation(Double($0)) * Double($1) }) < 2e-5)  // up to 27
    var dUp = dy, dGate = [Float](repeating: .nan, count: count)
    backward(count, gate, up, &dUp, &dGate)
    let slopes = gate.indices.map { i in
      let x = Double(gate[i])
      return Double(dy[i]) * Double(up[i]) * (activation(x + 1e-5) - activation(x - 1e-5)) / 2e-5
    }
    #expect(largestDifference(dGate, slopes) < 2e-5)
    #expect(largestDifference(dUp, zip(gate, dy).map { activation(Double($0)) * Double($1) }) < 2e-5)
  }

  @Test func gatedActivationsAreSoundForExtremeInputs() {
    let gate: [Float] = [0, 100, -100, 1e15, -1e15], up: [Float] = [2, 2, 2, 2, 2]
    for (forward, backward) in [
      (ck_gated_silu_forward, ck_gated_silu_backward), (ck_gated_gelu_tanh_forward, ck_gated_gelu_tanh_backward),
    ] {
      var y = gate, dUp = [Float](repeating: 1, count: 5), dGate = dUp
      forward(5, gate, up, &y)
      #expect(y[0] == 0 && y[1] == 200 && abs(y[2]) < 1e-30 && y[3] == 2e15 && abs(y[4]) < 1e-20)
      backward(5, gate, up, &dUp, &dGate)
      #expect(dGate[0] == 1 && dGate[1] == 2 && abs(dGate[2]) < 1e-20 && dUp[1] == 100)
    }
  }

  @Test(arguments: awkwardSizes, [1, 30] as [Float]) func softCapsAreHyperbolicTangents(count: Int, cap: Float) {
    let x = numbers(count).map { $0 * abs($0) * cap / 3 }, dy = numbers(count, 1)
    var y = x
    ck_soft_cap(count, 0.5, cap, &y)
    for (found, input) in zip(y, x) {
      let expected = Double(cap) * tanh(0.5 * Double(input) / Double(cap))
      #expect(abs(Double(found) - expected) <= 5e-7 * abs(expected))  // a few units in the last place, however small
    }
    var dx = dy
    ck_soft_cap_backward(count, cap, y, &dx)
    let slopes = zip(x, dy).map { Double($1) * (1 - pow(tanh(0.5 * Double($0) / Double(cap)), 2)) }
    #expect(largestDifference(dx, slopes) < 3e-6)
  }

  @Test func softCapsHoldForHugeInputs() {
    var x: [Float] = [1e20, -1e20, 1e-20, 0]
    ck_soft_cap(4, 1, 30, &x)
    #expect(abs(x[0] - 30) < 1e-5 && abs(x[1] + 30) < 1e-5 && abs(x[2] - 1e-20) < 1e-26 && x[3] == 0)
  }

  @Test(arguments: [1, 16, 4097]) func cappedCrossEntropyAgreesWithCentralDifferences(classCount: Int) {
    let cap: Float = 2, logits = numbers(classCount), label = classCount / 3
    func loss(_ x: [Double]) -> Double {
      let y = x.map { 2 * tanh($0 / 2) }
      return log(y.reduce(0) { $0 + exp($1) }) - y[label]
    }
    var gradient = logits, found = [0.0]
    ck_soft_cap(classCount, 1, cap, &gradient)
    ck_cross_entropy_soft_capped(1, classCount, cap, &gradient, [Int32(label)], &found)
    let start = logits.map(Double.init)
    #expect(abs(found[0] - loss(start)) < 5e-6)  // as without caps
    for index in Set([0, label, classCount - 1]) {
      var above = start, below = start
      above[index] += 1e-5
      below[index] -= 1e-5
      #expect(abs(Double(gradient[index]) - (loss(above) - loss(below)) / 2e-5) < 1e-6)
    }
  }

  @Test(arguments: [1, 16, 17, 100]) func embeddingsAreScaled(width: Int) {
    let table = numbers(5 * width)
    var y = [Float](repeating: .nan, count: 2 * width)
    ck_embed_scaled(2, width, [4, 1], table, 2.5, &y)
    #expect((0..<2 * width).allSatisfy { y[$0] == 2.5 * table[[4, 1][$0 / width] * width + $0 % width] })
  }
}
