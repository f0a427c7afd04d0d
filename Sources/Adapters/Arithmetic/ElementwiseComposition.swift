/// Token-routed adapters of one shape made into one, element by element, experts and routers alike: θ' = Σ wᵢ θᵢ.
///
/// The weights must sum to 1: others would scale the routers' logits and count twice in the experts' products.
///
/// No single matrix stands for such an adapter, so no distance from an exact sum is known.
struct ElementwiseComposition {
  let request: ArithmeticRequest

  /// The tensors of all maps, and their paths as reports.
  ///
  /// - Throws: ``ArithmeticError``, or an error of an adapter's tensors.
  func compose() throws -> (tensors: [SavedTensor], maps: [MapReport]) {
    var tensors: [SavedTensor] = []
    for (place, site) in request.first.adapter.sites.enumerated() {
      for (suffix, first) in site.tensors.sorted(by: { $0.key < $1.key }) {
        let all = try request.terms.map { term in
          let tensor = try term.adapter.sites[place].tensor(suffix, shape: first.shape.map { _ in nil })
          guard tensor.shape == first.shape else {
            throw ArithmeticError.differentShapes(
              path: site.path, .init(request.first, "\(suffix) \(first.shape)", term, "\(suffix) \(tensor.shape)"))
          }
          return tensor.values
        }
        let values = first.values.indices.map { index in
          Float(zip(request.terms, all).reduce(0.0) { $0 + $1.0.weight * Double($1.1[index]) })
        }
        tensors.append(SavedTensor(name: first.name, shape: first.shape, values: values))
      }
    }
    let maps = request.first.adapter.sites.map {
      MapReport(path: $0.path, ranks: [], resultRank: nil, relativeError: nil, keptEnergy: nil)
    }
    return (tensors, maps)
  }
}
