import Tensors

/// A LoRA's update of one map, ΔW = s B A.
///
/// Shapes: A (r, inputs), B (outputs, r).
struct LowRankFactors: Sendable {
  let a, b: DoubleMatrix
  /// s, without unit.
  let scale: Double

  var rank: Int { a.rows }

  init(a: DoubleMatrix, b: DoubleMatrix, scale: Double = 1) {
    precondition(a.rows == b.columns, "factors of ranks \(a.rows) and \(b.columns)")
    (self.a, self.b, self.scale) = (a, b, scale)
  }

  /// What an adapter saved at a map.
  ///
  /// - Throws: ``AdapterError`` or ``SavedAdapterError`` for tensors that are missing or have other shapes.
  init(_ method: LoRA, at site: SavedSite) throws {
    let rank = try method.adapterRank(at: site.path)
    let a = try site.tensor("lora_A.weight", shape: [rank, nil])
    let b = try site.tensor("lora_B.weight", shape: [nil, rank])
    self.init(
      a: DoubleMatrix(rows: rank, columns: a.shape[1], values: a.values),
      b: DoubleMatrix(rows: b.shape[0], columns: rank, values: b.values), scale: try method.scale(at: site.path))
  }

  /// The numbers as a file of 32-bit floats holds them.
  var rounded: LowRankFactors {
    LowRankFactors(
      a: DoubleMatrix(rows: a.rows, columns: a.columns, values: a.floats),
      b: DoubleMatrix(rows: b.rows, columns: b.columns, values: b.floats), scale: scale)
  }

  /// The tensors of a map.
  func tensors(at path: String) -> [SavedTensor] {
    [
      SavedTensor(name: AdapterPlan.name(path, "lora_A.weight"), shape: [a.rows, a.columns], values: a.floats),
      SavedTensor(name: AdapterPlan.name(path, "lora_B.weight"), shape: [b.rows, b.columns], values: b.floats),
    ]
  }
}
