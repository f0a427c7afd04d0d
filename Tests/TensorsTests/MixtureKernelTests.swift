import CKernels
import Foundation
import Testing

/// The kernels of mixtures against loops in double precision.
///
/// One rounding of numbers up to 10 is 5e-7. Tolerances: 1e-6 for one product, 1e-5 for sums of a few dozen.
struct MixtureKernelTests {
  /// Rows, experts, rank, block of rank dimensions with a gate of its own, outputs.
  struct Mixture: Sendable, CustomTestStringConvertible {
    let rows, experts, rank, block, outputs: Int
    var testDescription: String { "\(rows) rows, \(experts) experts of rank \(rank) in blocks of \(block)" }
    var groups: Int { rank / block }
    var gates: Int { groups * experts }

    static let all = [
      Mixture(rows: 0, experts: 2, rank: 2, block: 1, outputs: 3),
      Mixture(rows: 1, experts: 1, rank: 1, block: 1, outputs: 1),
      Mixture(rows: 3, experts: 4, rank: 6, block: 1, outputs: 5),
      Mixture(rows: 5, experts: 3, rank: 6, block: 2, outputs: 17),
      Mixture(rows: 2, experts: 5, rank: 16, block: 16, outputs: 33),
      Mixture(rows: 7, experts: 2, rank: 33, block: 11, outputs: 16),
    ]
  }

  /// Every other expert, in rising order.
  private func chosen(_ experts: Int) -> [Int32] { (0..<experts).map { Int32(2 * $0 + 1) } }

  @Test(arguments: Mixture.all) func packingPutsExpertsSideBySideAndBack(mixture: Mixture) {
    let (m, r, q) = (mixture.experts, mixture.rank, mixture.outputs)
    let index = chosen(m), b = numbers((2 * m + 1) * q * r)
    var packed = [Float](repeating: .nan, count: q * m * r)
    ck_pack_experts(m, index, q, r, b, q * r, &packed)
    for o in 0..<q {
      for i in 0..<m {
        for j in 0..<r { #expect(packed[(o * m + i) * r + j] == b[(Int(index[i]) * q + o) * r + j]) }
      }
    }
    var sum = b
    ck_add_packed_experts(m, index, q, r, packed, &sum, q * r)
    for place in sum.indices {
      let isChosen = index.contains(Int32(place / (q * r)))
      #expect(sum[place] == (isChosen ? 2 * b[place] : b[place]))
    }
  }

  /// z's column of an expert's rank dimension, with z shared or each expert's own.
  private func column(_ i: Int, _ j: Int, _ mixture: Mixture, _ isShared: Bool) -> Int {
    isShared ? j : i * mixture.rank + j
  }

  @Test(arguments: Mixture.all, [true, false]) func gatesScaleTheirBlocks(mixture: Mixture, isShared: Bool) {
    let (m, r) = (mixture.experts, mixture.rank)
    let zStride = (isShared ? r : m * r) + 3, gateStride = mixture.gates + 2
    let z = numbers(mixture.rows * zStride), gates = numbers(mixture.rows * gateStride, 1)
    var h = [Float](repeating: .nan, count: mixture.rows * m * r)
    ck_mix_experts(mixture.rows, m, r, mixture.block, z, zStride, isShared ? 0 : r, gates, gateStride, &h)
    for n in 0..<mixture.rows {
      for i in 0..<m {
        for j in 0..<r {
          let gate = gates[n * gateStride + j / mixture.block * m + i]
          #expect(h[(n * m + i) * r + j] == gate * z[n * zStride + column(i, j, mixture, isShared)])
        }
      }
    }
  }

  @Test(arguments: Mixture.all, [true, false]) func theirBackwardIsTheSumOverWhatTheyScaled(
    mixture: Mixture, isShared: Bool
  ) {
    let (m, r, rows) = (mixture.experts, mixture.rank, mixture.rows)
    let width = isShared ? r : m * r, zStride = width + 3, gateStride = mixture.gates + 2
    let z = numbers(rows * zStride), gates = numbers(rows * gateStride, 1), dh = numbers(rows * m * r, 2)
    let start = numbers(rows * zStride, 3), gateStart = numbers(rows * gateStride, 4)
    var dz = start, dGates = gateStart
    ck_mix_experts_backward(
      rows, m, r, mixture.block, dh, z, zStride, isShared ? 0 : r, gates, gateStride, &dz, zStride, &dGates, gateStride)
    // What lies beside the matrices stays.
    var expectedZ = start.map(Double.init), expectedGates = gateStart.map(Double.init)
    for n in 0..<rows {
      for j in 0..<width { expectedZ[n * zStride + j] = 0 }
      for g in 0..<mixture.gates { expectedGates[n * gateStride + g] = 0 }
      for i in 0..<m {
        for j in 0..<r {
          let place = n * zStride + column(i, j, mixture, isShared)
          let gate = n * gateStride + j / mixture.block * m + i
          let slope = Double(dh[(n * m + i) * r + j])
          expectedZ[place] += Double(gates[gate]) * slope
          expectedGates[gate] += Double(z[place]) * slope
        }
      }
    }
    #expect(largestDifference(dz, expectedZ) < 1e-5)
    #expect(largestDifference(dGates, expectedGates) < 1e-5)
  }

  // MARK: Softmax in groups

  /// Rows, groups side by side, width of a group.
  static let groups = [(0, 2, 3), (1, 1, 1), (3, 2, 5), (4, 1, 17), (2, 7, 4), (5, 3, 33)]

  @Test(arguments: groups) func softmaxRunsInEachGroup(rows: Int, groups: Int, width: Int) {
    let stride = groups * width + 3, original = numbers(rows * stride)
    var p = original, alone = original, logSumExp = [Float](repeating: .nan, count: rows * groups)
    ck_softmax_groups(rows, groups, width, &p, stride, &logSumExp)
    ck_softmax_groups(rows, groups, width, &alone, stride, nil)
    #expect(p == alone)
    var expected = original.map(Double.init), logs: [Double] = []
    for n in 0..<rows {
      for g in 0..<groups {
        let places = n * stride + g * width..<n * stride + (g + 1) * width
        let total = places.reduce(0) { $0 + exp(Double(original[$1])) }
        for place in places { expected[place] = exp(Double(original[place])) / total }
        logs.append(log(total))
      }
    }
    #expect(largestDifference(p, expected) < 1e-6)
    #expect(largestDifference(logSumExp, logs) < 1e-6)
  }

  @Test func softmaxHoldsLargeLogits() {
    var x: [Float] = [1000, 1000, -1000, -1000, -1000, -1000], logSumExp: [Float] = [0, 0]
    ck_softmax_groups(1, 2, 3, &x, 6, &logSumExp)
    #expect(largestDifference(x, [0.5, 0.5, 0, 1 / 3.0, 1 / 3.0, 1 / 3.0]) < 1e-6)
    #expect(abs(logSumExp[0] - 1000.6931) < 1e-3 && abs(logSumExp[1] + 998.9014) < 1e-3)  // 6e-5 apart near 1000
  }

  @Test(arguments: groups) func itsBackwardTakesOffTheMean(rows: Int, groups: Int, width: Int) {
    let stride = groups * width + 3, dStride = groups * width + 1
    var p = numbers(rows * stride)
    ck_softmax_groups(rows, groups, width, &p, stride, nil)
    let original = numbers(rows * dStride, 1)
    var dp = original
    ck_softmax_groups_backward(rows, groups, width, p, stride, &dp, dStride)
    var expected = original.map(Double.init)
    for n in 0..<rows {
      for g in 0..<groups {
        let columns = g * width..<(g + 1) * width
        let mean = columns.reduce(0) { $0 + Double(p[n * stride + $1]) * Double(original[n * dStride + $1]) }
        for c in columns {
          expected[n * dStride + c] = Double(p[n * stride + c]) * (Double(original[n * dStride + c]) - mean)
        }
      }
    }
    #expect(largestDifference(dp, expected) < 2e-6)
  }

  @Test(arguments: groups) func scaledGroupsAreAdded(rows: Int, groups: Int, width: Int) {
    let stride = groups * width + 3, yStride = groups * width + 1
    let p = numbers(rows * stride), factor = numbers(rows * groups, 1), original = numbers(rows * yStride, 2)
    var y = original
    ck_add_scaled_groups(rows, groups, width, 0.7, factor, p, stride, &y, yStride)
    var expected = original.map(Double.init)
    for n in 0..<rows {
      for c in 0..<groups * width {
        expected[n * yStride + c] += 0.7 * Double(factor[n * groups + c / width]) * Double(p[n * stride + c])
      }
    }
    #expect(largestDifference(y, expected) < 2e-6)
  }

  // MARK: Counts and norms

  @Test(arguments: groups) func routingIsCountedOnTopOfWhatIsThere(rows: Int, groups: Int, width: Int) {
    let stride = groups * width + 3
    var p = numbers(rows * stride)
    ck_softmax_groups(rows, groups, width, &p, stride, nil)
    if rows > 1, width > 1 { (p[0], p[1]) = (0, 1) }  // a gate of 0 has no entropy
    var chosen = [Double](repeating: 2, count: groups * width), shares = chosen
    var entropy = [Double](repeating: 2, count: groups)
    var expectedChosen = chosen, expectedShares = shares, expectedEntropy = entropy
    for n in 0..<rows {
      for g in 0..<groups {
        let gates = (0..<width).map { p[n * stride + g * width + $0] }
        expectedChosen[g * width + gates.firstIndex(of: gates.max()!)!] += 1
        for (i, gate) in gates.enumerated() {
          expectedShares[g * width + i] += Double(gate)
          if gate > 0 { expectedEntropy[g] -= Double(gate) * log(Double(gate)) }
        }
      }
    }
    ck_count_routing(rows, groups, width, p, stride, &chosen, &shares, &entropy)
    #expect(chosen == expectedChosen)
    // Sums in double precision, in the same order.
    #expect(zip(shares, expectedShares).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(zip(entropy, expectedEntropy).allSatisfy { abs($0 - $1) < 1e-12 })
  }

  @Test(arguments: [(1, 1, 1), (5, 2, 3), (17, 4, 16), (33, 16, 40)])
  func inverseNormsAreThoseOfTheSum(outputs: Int, rank: Int, inputs: Int) {
    let w = numbers(inputs * outputs), a = numbers(rank * inputs, 1), b = numbers(outputs * rank, 2), scale = 0.3
    func products(_ rows: Int, _ columns: Int, _ entry: (Int, Int, Int) -> Double, over count: Int) -> [Float] {
      (0..<rows).flatMap { i in
        (0..<columns).map { j in Float((0..<count).reduce(0) { $0 + entry(i, j, $1) }) }
      }
    }
    let squares = products(1, outputs, { _, o, i in pow(Double(w[i * outputs + o]), 2) }, over: inputs)
    let aw = products(
      rank, outputs, { j, o, i in Double(a[j * inputs + i]) * Double(w[i * outputs + o]) }, over: inputs)
    let aa = products(rank, rank, { j, k, i in Double(a[j * inputs + i]) * Double(a[k * inputs + i]) }, over: inputs)
    let baa = products(outputs, rank, { o, j, k in Double(b[o * rank + k]) * Double(aa[k * rank + j]) }, over: rank)
    var found = [Float](repeating: .nan, count: outputs)
    ck_inverse_norms(outputs, rank, Float(scale), squares, aw, outputs, b, baa, &found)
    for o in 0..<outputs {
      let square = (0..<inputs).reduce(0) { sum, i in
        let product = (0..<rank).reduce(0) { $0 + Double(a[$1 * inputs + i]) * Double(b[o * rank + $1]) }
        return sum + pow(Double(w[i * outputs + o]) + scale * product, 2)
      }
      // Squares of single precision, whose terms may be larger than their sum.
      #expect(abs(Double(found[o]) * square.squareRoot() - 1) < 1e-4)
    }
  }
}
