import Tensors

/// Which entries of a tensor stay before adapters are added.
struct Pruning: Sendable {
  enum Choice: Sendable {
    /// The ⌊density · count⌋ largest by absolute value; among equals the first.
    case largest
    /// By lot, each with the probability `density`, and divided by it (DARE, Yu et al. 2023).
    case lots(RandomKey)
  }

  let choice: Choice
  /// Above 0; at 1 everything stays.
  let density: Double

  /// - Parameters:
  ///   - adapter: The adapter's place; its lots depend on it and on `name` alone.
  ///   - name: The tensor's name.
  func apply(to matrix: DoubleMatrix, adapter: Int, name: String) -> DoubleMatrix {
    guard density < 1 else { return matrix }
    let values =
      switch choice {
      case .largest: largest(matrix.values)
      case .lots(let key): Self.drawn(matrix.values, key.child(UInt64(adapter)).child(name), density)
      }
    return DoubleMatrix(rows: matrix.rows, columns: matrix.columns, values: values)
  }

  private func largest(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { (abs(values[$1]), $0) < (abs(values[$0]), $1) }
    var result = [Double](repeating: 0, count: values.count)
    for index in order.prefix(Int(density * Double(values.count))) { result[index] = values[index] }
    return result
  }

  /// Entries that stay by lot, each with the probability `density`, and divided by it; the others are 0.
  static func drawn(_ values: [Double], _ key: RandomKey, _ density: Double) -> [Double] {
    var lots = [Float](repeating: 0, count: values.count)
    lots.withUnsafeMutableBufferPointer { key.fillUniform($0, low: 0, high: 1) }
    return zip(values, lots).map { Double($1) < density ? $0 / density : 0 }
  }
}

/// The signs and the mean of TIES (Yadav et al. 2023): every entry gets the sign that the adapters elect, and the mean
/// of the weighted entries that have it.
///
///     e = sign(Σ tᵢ), or sign(Σ sign(tᵢ)); + in a draw
///     t' = Σ wᵢ tᵢ [sign(tᵢ) = e] / max(1, Σ [sign(tᵢ) = e])
///
/// An adapter with a negative weight votes and is averaged as its negative; PEFT lets it vote as it stands.
struct SignElection: Sendable {
  let majority: MajoritySign
  let ignoresSignsOfWeights: Bool

  /// - Parameters:
  ///   - matrices: The tᵢ, of one shape.
  ///   - weights: The wᵢ.
  func mean(_ matrices: [DoubleMatrix], _ weights: [Double]) -> DoubleMatrix {
    DoubleMatrix(
      rows: matrices[0].rows, columns: matrices[0].columns, values: mean(matrices.map(\.values), weights))
  }

  /// The same for vectors of one length.
  func mean(_ vectors: [[Double]], _ weights: [Double]) -> [Double] {
    let signs = weights.map { $0 < 0 && !ignoresSignsOfWeights ? -1.0 : 1.0 }
    return vectors[0].indices.map { index in
      var sum = 0.0
      for place in vectors.indices {
        let vote = vectors[place][index] * signs[place]
        sum += majority == .total ? vote : Self.sign(vote)
      }
      let elected = sum >= 0 ? 1.0 : -1.0
      var total = 0.0, count = 0.0
      for place in vectors.indices where Self.sign(vectors[place][index] * signs[place]) == elected {
        total += weights[place] * vectors[place][index]
        count += 1
      }
      return total / max(1, count)
    }
  }

  private static func sign(_ value: Double) -> Double { value > 0 ? 1 : value < 0 ? -1 : 0 }
}
