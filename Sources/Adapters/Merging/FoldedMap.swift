import Backbones
import Checkpoints
import Tensors

/// A linear map that alone does what it did together with its adapter.
public struct FoldedMap {
  public let map: Linear
  /// W', as the backbone lays it, made when it is asked for: the numbers that a type for weights keeps.
  public let weight: (DataType) throws -> [Float]
  /// b' in 64 bits, where the update changes it.
  public let bias: [Double]?
}

/// A method whose update of a map is the same for every token, so that the map's own numbers can take it in.
protocol FoldableMethod: AdapterMethod {
  /// W'ᵀ in 64 bits. Shape: (outputs, inputs).
  ///
  /// - Parameter weight: Wᵀ in the same shape.
  /// - Throws: ``AdapterError`` or ``SavedAdapterError`` for tensors that are missing or have other shapes.
  func fold(_ site: SavedSite, into weight: DoubleMatrix) throws -> DoubleMatrix

  /// b' in 64 bits, or nil where it is b.
  ///
  /// - Throws: As ``fold(_:into:)``.
  func fold(_ site: SavedSite, intoBias bias: [Float]) throws -> [Double]?
}

extension FoldableMethod {
  func fold(_ site: SavedSite, intoBias bias: [Float]) throws -> [Double]? { nil }
}

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

extension SavedAdapter {
  /// The adapted maps of a backbone with the adapter in their own numbers, computed in 64 bits; ``FoldedMap/weight``
  /// rounds them once, to the type that it is given.
  ///
  /// - Parameter numbers: Gives a parameter's numbers, which the backbone may hold rounded.
  /// - Throws: ``SavedAdapterError`` for a method that is routed, ``AdapterError`` where the model lacks a map or
  ///   tensors are missing, or what `numbers` throws. ``FoldedMap/weight`` throws for tensors of other shapes.
  public func foldedMaps(
    of backbone: any Backbone, numbers: @escaping (Parameter) throws -> [Float]
  ) throws -> [FoldedMap] {
    let type = configuration.peftType
    guard let method = try method() as? any FoldableMethod else {
      throw type.routing == .token
        ? SavedAdapterError.routedByToken(type: type.rawValue) : SavedAdapterError.notFoldable(type: type.rawValue)
    }
    let linears = Dictionary(backbone.linears.map { ($0.path, $0) }) { first, _ in first }
    return try sites.map { site in
      guard let map = linears[site.path] else {
        throw AdapterError.surplusTensors(site.tensors.values.map(\.name).sorted(), file: file)
      }
      return FoldedMap(
        map: map,
        weight: { $0.rounded(map.laid(try method.fold(site, into: map.transposed(numbers(map.weight))))) },
        bias: try map.bias.flatMap { try method.fold(site, intoBias: numbers($0)) })
    }
  }
}

extension Linear {
  /// Wᵀ in 64 bits, from W's numbers as this map lays them. Shape: (outputs, inputs).
  fileprivate func transposed(_ numbers: [Float]) -> DoubleMatrix {
    let stored = DoubleMatrix(rows: weight.matrix.rows, columns: weight.matrix.columns, values: numbers)
    return layout == .outputsByInputs ? stored : stored.transposed
  }

  /// A matrix (outputs, inputs) as this map lays its weight.
  fileprivate func laid(_ transposedWeight: DoubleMatrix) -> [Double] {
    (layout == .outputsByInputs ? transposedWeight : transposedWeight.transposed).values
  }
}
