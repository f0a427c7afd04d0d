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

/// What became of a module that was trained whole, such as a classification head.
public struct WholeModuleReport: Sendable, Equatable {
  public enum Treatment: String, Sendable {
    /// It is the adapters' mean.
    case averaged
    /// It is the only adapter's, as it was.
    case takenOver = "taken_over"
    case leftOut = "left_out"
  }

  /// The module as modules_to_save names it, or the path of a task's own head.
  public let module: String
  public let treatment: Treatment
  /// The names of the adapters that it comes from or, left out, that hold it.
  public let adapters: [String]
  /// How much each of them counts, 1 in sum; empty where it is left out.
  public let shares: [Double]
}

/// The relative errors of several maps or tensors in two numbers.
public struct RelativeErrors: Sendable, Equatable {
  public let largest, mean: Double

  /// nil for no errors.
  public init?(_ errors: [Double]) {
    guard let largest = errors.max() else { return nil }
    (self.largest, mean) = (largest, errors.reduce(0, +) / Double(errors.count))
  }
}
