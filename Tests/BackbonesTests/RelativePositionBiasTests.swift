import Tensors
import Testing

@testable import Backbones

/// Buckets of distances as Hugging Face's T5 has them, with 32 buckets up to distance 128.
struct RelativePositionBiasTests {
  private let workspace = Workspace()

  private func bias(_ buckets: Int = 32, heads: Int = 2, isBidirectional: Bool) -> RelativePositionBias {
    let numbers = workspace.matrix(buckets, heads)
    for index in 0..<numbers.count { numbers.elements[index] = Float(index) }
    let table = Parameter(name: "table", shape: [buckets, heads], numbers: .fp32(numbers.base))
    return RelativePositionBias(table: table, maximumDistance: 128, isBidirectional: isBidirectional)
  }

  @Test func anEncodersBucketsLookBothWays() {
    let expected = [
      0: 0, -1: 1, 1: 17, -7: 7, -8: 8, 8: 24, -15: 9, -16: 10, 16: 26, -31: 11, -32: 12, -63: 13, -64: 14, -127: 15,
      -128: 15, -1000: 15, 1000: 31,
    ]
    let bias = bias(isBidirectional: true)
    for (distance, bucket) in expected { #expect(bias.bucket(distance: distance) == bucket, "\(distance)") }
  }

  @Test func aDecodersBucketsLookBack() {
    let expected = [5: 0, 0: 0, -5: 5, -15: 15, -16: 16, -31: 21, -32: 21, -64: 26, -127: 31, -128: 31, -5000: 31]
    let bias = bias(isBidirectional: false)
    for (distance, bucket) in expected { #expect(bias.bucket(distance: distance) == bucket, "\(distance)") }
  }

  @Test func biasesAreTheTablesWhateverReachWasAskedForBefore() {
    let bias = bias(isBidirectional: true)
    for reach in [3, 40, 0, 7] {
      let values = bias.values(reach: reach, workspace)
      for distance in -reach...reach {
        for head in 0..<2 {
          #expect(values.values[head, reach + distance] == Float(bias.bucket(distance: distance) * 2 + head))
        }
      }
    }
  }

  @Test func aGradientGoesToTheBucketsOfItsDistances() {
    let bias = bias(isBidirectional: true), gradient = workspace.matrix(32, 2)
    gradient.fill(0)
    let values = workspace.matrix(32, 2)
    bias.table.train(values: values.elements, gradient: gradient.elements)
    let d = DistanceBias(headCount: 2, reach: 20, workspace)
    d.values.fill(1)
    bias.addGradient(d)
    var expected = [Float](repeating: 0, count: 64)
    for distance in -20...20 {
      for head in 0..<2 { expected[bias.bucket(distance: distance) * 2 + head] += 1 }
    }
    #expect(gradient.array() == expected)
  }
}
