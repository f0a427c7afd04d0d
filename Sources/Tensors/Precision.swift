/// How frozen arrays are held; adapters, activations and sums are fp32 in either.
public enum Precision: String, Sendable, CaseIterable {
  /// 32-bit floats.
  case fp32
  /// Arrays of two or more axes in bfloat16, the upper halves of 32-bit floats; biases and norms' weights in fp32.
  case bf16

  /// How an array of a shape is held: what has one axis costs little and is added as it is.
  public func holding(shape: [Int]) -> Precision { shape.count > 1 ? self : .fp32 }

  /// Bytes of a number.
  public var byteCount: Int { self == .fp32 ? MemoryLayout<Float>.stride : MemoryLayout<UInt16>.stride }
}
