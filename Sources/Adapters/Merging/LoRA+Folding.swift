import Tensors

/// W'ᵀ = Wᵀ + s B A; with DoRA the rows of that, V, get the lengths m: W'ᵀ_o = m_o V_o / ‖V_o‖.
extension LoRA: FoldableMethod {
  func fold(_ site: SavedSite, into weight: DoubleMatrix) throws -> DoubleMatrix {
    let rank = try adapterRank(at: site.path)
    _ = try site.tensor("lora_A.weight", shape: [rank, weight.columns])
    _ = try site.tensor("lora_B.weight", shape: [weight.rows, rank])
    let factors = try LowRankFactors(self, at: site)
    let moved = [weight, factors.b * factors.a].sum([1, factors.scale])
    guard configuration.useDoRA else { return moved }
    let magnitudes = try site.tensor("lora_magnitude_vector", shape: [weight.rows]).values
    return moved.scalingRows(by: zip(magnitudes, moved.rowNorms).map { Double($0) / $1 })
  }
}
