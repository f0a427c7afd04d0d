/// An adapter of a sum, and how much it counts.
public struct WeightedAdapter: Sendable {
  /// What messages call it.
  public let name: String
  public let adapter: SavedAdapter
  /// With the sign that the operator gives it.
  public let weight: Double

  public init(name: String, adapter: SavedAdapter, weight: Double) {
    (self.name, self.adapter, self.weight) = (name, adapter, weight)
  }
}
