extension DataType {
  /// Whether a model's weights are kept in it.
  public var holdsWeights: Bool { [.float32, .float16, .bfloat16].contains(self) }

  /// The largest finite number of a type that ``holdsWeights``.
  public var largest: Float {
    switch self {
    case .float16: 65504
    case .bfloat16: Float(bitPattern: 0x7f7f_0000)
    default: .greatestFiniteMagnitude
    }
  }

  /// Numbers of 64 bits as a type that ``holdsWeights`` keeps them, rounded once (ties to even); ``encode(_:)`` then
  /// loses nothing.
  public func rounded(_ values: [Double]) -> [Float] {
    switch self {
    case .float16: values.map { HalfPrecision.float(float16: HalfPrecision.float16(Float(roundingToOdd: $0))) }
    case .bfloat16: values.map { HalfPrecision.float(bfloat16: HalfPrecision.bfloat16(Float(roundingToOdd: $0))) }
    default: values.map { Float($0) }
    }
  }
}

extension Float {
  /// The number cut off behind 32 bits, its last bit 1 where something is lost: rounding that to 16 bits gives what
  /// rounding the number itself would (Boldo and Melquiond 2008).
  fileprivate init(roundingToOdd value: Double) {
    let near = Float(value)
    guard near.isFinite, Double(near) != value else {
      self = near
      return
    }
    let isAway = Double(near).magnitude > value.magnitude
    self.init(bitPattern: (isAway ? near.bitPattern - 1 : near.bitPattern) | 1)
  }
}
