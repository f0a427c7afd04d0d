import Tensors

/// Distances from the exact sum.
enum DistanceFromSum {
  /// How far a result is from the weighted sum of products, without forming any.
  ///
  /// The norms come from Gram matrices in 64 bits: below about 1e-8 they say nothing but "equal".
  static func relative(_ result: LowRankFactors, _ terms: [WeightedFactors]) -> Double {
    let tall = terms.map { $0.factors.b.scaled(by: $0.total) }, wide = terms.map(\.factors.a)
    let difference = squaredNorm(
      .joined([result.b.scaled(by: result.scale)] + tall.map { $0.scaled(by: -1) }), .stacked([result.a] + wide))
    let parts = zip(tall, wide).map { squaredNorm($0, $1).squareRoot() }
    return relative(
      difference: difference.squareRoot(), sum: squaredNorm(.joined(tall), .stacked(wide)).squareRoot(), parts: parts)
  }

  /// The same for vectors l, whose updates are proportional to l - 1.
  static func relative(_ result: [Double], _ terms: [(vector: [Double], weight: Double)]) -> Double {
    let exact = result.indices.map { index in terms.reduce(0) { $0 + $1.weight * ($1.vector[index] - 1) } }
    return relative(
      difference: norm(zip(result, exact).map { $0 - 1 - $1 }), sum: norm(exact),
      parts: terms.map { abs($0.weight) * norm($0.vector.map { $0 - 1 }) })
  }

  /// A difference relative to a sum or, where that vanishes, to the sizes of its parts.
  static func relative(difference: Double, sum: Double, parts: [Double]) -> Double {
    let size = parts.reduce(0, +)
    guard difference > 0, size > 0 else { return difference > 0 ? 1 : 0 }
    return difference / (sum > 1e-7 * size ? sum : size)
  }

  /// ‖B A‖² = Σ (BᵀB) ∘ (A Aᵀ).
  private static func squaredNorm(_ b: DoubleMatrix, _ a: DoubleMatrix) -> Double {
    max(0, zip((b.transposed * b).values, (a * a.transposed).values).reduce(0) { $0 + $1.0 * $1.1 })
  }

  private static func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
}
