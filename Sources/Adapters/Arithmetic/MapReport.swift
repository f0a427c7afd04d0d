/// What came of one map, beside its numbers.
public struct MapReport: Sendable, Equatable {
  /// The module's path.
  public let path: String
  /// The ranks of the adapters and of the result; empty and nil where updates are no low-rank products.
  public let ranks: [Int]
  public let resultRank: Int?
  /// ‖ΔW' - Σ wᵢ ΔWᵢ‖ / ‖Σ wᵢ ΔWᵢ‖ (Frobenius), of the numbers as they are saved; where the exact sum vanishes,
  /// relative to Σ ‖wᵢ ΔWᵢ‖. nil where no single matrix stands for an adapter.
  public let relativeError: Double?
  /// The share of Σσ² that a truncated sum keeps.
  public let keptEnergy: Double?
}
