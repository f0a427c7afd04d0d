/// What came of a tensor, or of several: how far the result's task vector is from the exact weighted sum of the
/// models'.
public struct TaskVectorReport: Sendable, Equatable {
  private var squares = Squares()
  /// Σ ‖wᵢ τᵢ‖².
  private var parts: [Double]

  private struct Squares: Equatable {
    var result = 0.0, exact = 0.0, difference = 0.0
  }

  /// - Parameter modelCount: How many models are added.
  init(modelCount: Int) { parts = [Double](repeating: 0, count: modelCount) }

  /// ‖θ' - θ₀‖ / ‖Σ wᵢ τᵢ‖ (Frobenius), of the numbers as they are saved; nil where the exact sum vanishes.
  public var relativeNorm: Double? { squares.exact > 0 ? (squares.result / squares.exact).squareRoot() : nil }

  /// ‖θ' - θ₀ - Σ wᵢ τᵢ‖ / ‖Σ wᵢ τᵢ‖; where the exact sum vanishes, relative to Σ ‖wᵢ τᵢ‖.
  public var relativeError: Double {
    DistanceFromSum.relative(
      difference: squares.difference.squareRoot(), sum: squares.exact.squareRoot(),
      parts: parts.map { $0.squareRoot() })
  }

  /// Counts a part of a tensor in.
  mutating func add(result: [Double], exact: [Double], vectors: [[Double]], weights: [Double]) {
    for index in exact.indices {
      let difference = result[index] - exact[index]
      squares.result += result[index] * result[index]
      squares.exact += exact[index] * exact[index]
      squares.difference += difference * difference
    }
    for place in vectors.indices {
      parts[place] += weights[place] * weights[place] * vectors[place].reduce(0) { $0 + $1 * $1 }
    }
  }

  /// Counts another tensor in.
  public mutating func add(_ other: TaskVectorReport) {
    squares.result += other.squares.result
    squares.exact += other.squares.exact
    squares.difference += other.squares.difference
    parts = zip(parts, other.parts).map(+)
  }
}
