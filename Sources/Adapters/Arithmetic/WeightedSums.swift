import Tensors

/// start + Σ wᵢ vᵢ of vectors of one length, added up in their order.
func weightedSum(_ vectors: [[Double]], _ weights: [Double], from start: Double = 0) -> [Double] {
  var sum = [Double](repeating: start, count: vectors[0].count)
  for (vector, weight) in zip(vectors, weights) {
    precondition(vector.count == sum.count, "a sum of vectors of \(sum.count) and \(vector.count) numbers")
    for index in sum.indices { sum[index] += weight * vector[index] }
  }
  return sum
}

extension [DoubleMatrix] {
  /// The sum of matrices of one shape with their factors.
  func sum(_ factors: [Double]) -> DoubleMatrix {
    DoubleMatrix(rows: self[0].rows, columns: self[0].columns, values: weightedSum(map(\.values), factors))
  }
}

extension [Double] {
  /// Weights made to sum to 1; nil where their signs differ or all are 0.
  var shares: [Double]? {
    let total = reduce(0, +)
    return total != 0 && allSatisfy { $0 * total >= 0 } ? map { $0 / total } : nil
  }
}

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
  static func relative(_ result: [Double], _ vectors: [[Double]], _ weights: [Double]) -> Double {
    let updates = vectors.map { $0.map { $0 - 1 } }, exact = weightedSum(updates, weights)
    return relative(
      difference: norm(zip(result, exact).map { $0 - 1 - $1 }), sum: norm(exact),
      parts: zip(weights, updates).map { abs($0) * norm($1) })
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
