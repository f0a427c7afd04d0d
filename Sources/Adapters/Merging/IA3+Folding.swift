import Tensors

/// y = l ∘ (x W + b) = x (W diag(l)) + l ∘ b;        y = (l ∘ x) W + b = x (diag(l) W) + b.
extension IA3: FoldableMethod {
  func fold(_ site: SavedSite, into weight: DoubleMatrix) throws -> DoubleMatrix {
    guard feedforward.contains(site.path) else {
      let l = try site.tensor("ia3_l", shape: [weight.rows, 1]).values
      return weight.scalingRows(by: l.map(Double.init))
    }
    return weight.scalingColumns(by: try site.tensor("ia3_l", shape: [1, weight.columns]).values.map(Double.init))
  }

  func fold(_ site: SavedSite, intoBias bias: [Float]) throws -> [Double]? {
    guard !feedforward.contains(site.path) else { return nil }
    return zip(try site.tensor("ia3_l", shape: [bias.count, 1]).values, bias).map { Double($0) * Double($1) }
  }
}
