import Backbones
import Tensors

extension Float {
  /// The nearest of the numbers that bfloat16 has; of two as near, the one whose last bit is 0.
  public var inBF16: Float {
    guard isFinite else { return self }
    let kept = bitPattern & 0xffff_0000
    let below = Float(bitPattern: kept), above = Float(bitPattern: kept + 0x1_0000)
    let (down, up) = ((self - below).magnitude, (above - self).magnitude)
    return down < up || down == up && kept & 0x1_0000 == 0 ? below : above
  }
}

extension Double {
  /// The same of the nearest fp32 number: what a product in bf16 reads of an activation.
  public var inBF16: Double { Double(Float(self).inBF16) }
}

/// Stands at a frozen map in bf16 and compares its products with plain loops in double precision over the same rounded
/// operands: y with x W, dx with dy Wᵀ.
public final class ProductWatch: LinearAdapter {
  /// The farthest relative distance of a product, forward and backward.
  public private(set) var forwardDistance = 0.0, backwardDistance = 0.0
  public private(set) var productCount = 0

  public init() {}

  public var needsInput: Bool { false }

  public func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    base.applyBase(x, into: y, pass)
    let expected = Self.product(x, base, isTransposed: false)
    let bias = base.bias?.vector.array() ?? Array(repeating: 0, count: y.columns)
    let product = y.array().enumerated().map { $1 - bias[$0 % y.columns] }
    forwardDistance = max(forwardDistance, relativeDistance(product, expected))
    productCount += 1
  }

  public func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    base.backwardBase(dy, x: nil, into: dx, pass)
    guard let dx else { return }
    let expected = Self.product(dy, base, isTransposed: true)
    backwardDistance = max(backwardDistance, relativeDistance(dx.array(), expected))
    productCount += 1
  }

  private static func product(_ x: Matrix, _ map: Linear, isTransposed: Bool) -> [Float] {
    let w = map.weight.matrix.array(), columns = map.weight.matrix.columns
    let outputs = isTransposed ? map.inputs : map.outputs
    let isByRows = (map.layout == .inputsByOutputs) != isTransposed
    return (0..<x.rows).flatMap { row -> [Float] in
      let operands = (0..<x.columns).map { Double(x[row, $0].inBF16) }
      return (0..<outputs).map { output in
        Float(
          operands.indices.reduce(0.0) {
            $0 + operands[$1] * Double(w[isByRows ? $1 * columns + output : output * columns + $1])
          })
      }
    }
  }
}
