/// The relative errors of several maps or tensors in two numbers.
public struct RelativeErrors: Sendable, Equatable {
  public let largest, mean: Double

  /// nil for no errors.
  public init?(_ errors: [Double]) {
    guard let largest = errors.max() else { return nil }
    (self.largest, mean) = (largest, errors.reduce(0, +) / Double(errors.count))
  }
}
