import CKernels

/// Flat arrays of fp32 numbers: parameters, gradients, logits.
extension UnsafeBufferPointer<Float> {
  /// In double precision; NaN or infinite when any number is.
  public var sumOfSquares: Double {
    guard let baseAddress else { return 0 }
    // Fixed blocks, whose sums are added in order.
    let size = 1 << 20
    return Threads.map((count + size - 1) / size) { block in
      ck_sum_of_squares(Swift.min(size, count - block * size), baseAddress + block * size)
    }.reduce(0, +)
  }

  /// The place of the largest number, the first of equals.
  public var largestIndex: Int {
    precondition(!isEmpty, "the largest of no numbers")
    return ck_argmax(count, baseAddress!)
  }
}

extension UnsafeMutableBufferPointer<Float> {
  /// `count` numbers from `start` on.
  public func part(_ start: Int, _ count: Int) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: self[start..<start + count])
  }

  /// self += factor x.
  public func add(_ x: UnsafeMutableBufferPointer<Float>, times factor: Float) {
    precondition(x.count == count, "\(x.count) numbers to \(count)")
    guard let y = baseAddress, let x = x.baseAddress else { return }
    Threads.elements(count) { ck_axpy($1, factor, x + $0, y + $0) }
  }

  /// Σ self ∘ other.
  public func dot(_ other: UnsafeMutableBufferPointer<Float>) -> Float {
    precondition(other.count == count, "\(count) and \(other.count) numbers")
    return baseAddress.map { ck_dot(count, $0, other.baseAddress!) } ?? 0
  }

  /// In double precision; NaN or infinite when any number is.
  public var sumOfSquares: Double { UnsafeBufferPointer(self).sumOfSquares }
}

/// Of unowned memory, self[0 ..< count].
extension UnsafeMutablePointer<Float> {
  /// Adds x.
  public func add(_ x: UnsafePointer<Float>, count: Int) {
    Threads.elements(count) { ck_add($1, x + $0, self + $0) }
  }

  /// Adds x and rounds the sums to `precision`.
  public func add(_ x: UnsafePointer<Float>, count: Int, roundedTo precision: Precision) {
    switch precision {
    case .fp32: add(x, count: count)
    case .bf16: Threads.elements(count) { ck_add_rounding_bf16($1, x + $0, self + $0) }
    }
  }

  /// Copies x, rounded to `precision`.
  public func copy(_ x: UnsafePointer<Float>, count: Int, roundedTo precision: Precision) {
    switch precision {
    case .fp32: copy(x, count: count)
    case .bf16: Threads.elements(count) { ck_round_through_bf16(1, $1, x + $0, $1, self + $0) }
    }
  }

  /// Copies x, the upper halves of fp32 numbers.
  public func copy(_ x: UnsafePointer<UInt16>, count: Int) {
    Threads.elements(count) { ck_expand_bf16($1, x + $0, self + $0) }
  }

  /// Copies x.
  public func copy(_ x: UnsafePointer<Float>, count: Int) {
    Threads.elements(count) { (self + $0).update(from: x + $0, count: $1) }
  }

  /// Sets all numbers to 0.
  public func setZero(count: Int) {
    Threads.elements(count) { (self + $0).update(repeating: 0, count: $1) }
  }
}

/// Of unowned memory, numbers in bf16: the upper halves of fp32 numbers.
extension UnsafeMutablePointer<UInt16> {
  /// Rounds x.
  public func copy(_ x: UnsafePointer<Float>, count: Int) {
    Threads.elements(count) { ck_round_bf16(1, $1, x + $0, $1, self + $0) }
  }
}

/// The numbers of one AdamW step that all elements of a range share (PyTorch: decoupled decay, bias correction).
public struct AdamWStep {
  public var learningRate, weightDecay, epsilon: Float
  /// β₂, and 1 - β₁ and 1 - β₂ formed in double precision.
  public var beta2, firstWeight, secondWeight: Float
  /// 1 - β₁ᵗ and 1 - β₂ᵗ.
  public var correction1, correction2: Float
  /// What each gradient is multiplied by first.
  public var gradientScale: Float

  public init(
    learningRate: Float, weightDecay: Float, epsilon: Float, beta2: Float, firstWeight: Float, secondWeight: Float,
    correction1: Float, correction2: Float, gradientScale: Float
  ) {
    (self.learningRate, self.weightDecay, self.epsilon) = (learningRate, weightDecay, epsilon)
    (self.beta2, self.firstWeight, self.secondWeight) = (beta2, firstWeight, secondWeight)
    (self.correction1, self.correction2, self.gradientScale) = (correction1, correction2, gradientScale)
  }

  /// Updates some numbers and their moments.
  public func update(
    _ values: UnsafeMutableBufferPointer<Float>, gradients: UnsafeMutableBufferPointer<Float>,
    first: UnsafeMutableBufferPointer<Float>, second: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(
      gradients.count == values.count && first.count == values.count && second.count == values.count,
      "\(gradients.count) gradients, \(first.count) and \(second.count) moments of \(values.count) numbers")
    guard let base = values.baseAddress else { return }
    Threads.elements(values.count) { start, count in
      ck_adamw(
        count, learningRate, firstWeight, beta2, secondWeight, epsilon, weightDecay, correction1, correction2,
        gradientScale, gradients.baseAddress! + start, first.baseAddress! + start, second.baseAddress! + start,
        base + start)
    }
  }
}
