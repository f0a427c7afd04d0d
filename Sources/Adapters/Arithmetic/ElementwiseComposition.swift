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
          return tensor.values.map(Double.init)
        }
        let values = weightedSum(all, request.terms.map(\.weight)).map { Float($0) }
        tensors.append(SavedTensor(name: first.name, shape: first.shape, values: values))
      }
    }
    let maps = request.first.adapter.sites.map {
      MapReport(path: $0.path, ranks: [], resultRank: nil, relativeError: nil, keptEnergy: nil)
    }
    return (tensors, maps)
  }
}

/// (IA)³ adapters made into one. Since l multiplies, l - 1 is what is added:
///
///     l' = 1 + Σ wᵢ (lᵢ - 1)
///
/// That is the paper's sum (weights that sum to 1), negation 1 - λ (l - 1) and combination
/// 1 + c₀ (l₁ - 1) + c₁ (l₂ - l₃) in one (Zhang et al. 2023, section 3). PEFT's `linear` is l' = Σ wᵢ lᵢ, which also
/// scales the map by Σ wᵢ.
struct VectorComposition {
  let request: ArithmeticRequest

  /// What is added to, and taken from each vector before: 1, or 0 as PEFT has it.
  private var neutral: Double { request.options.isPEFTCompatible && request.operation == .linear ? 0 : 1 }

  /// The tensors of all maps, and what came of each.
  ///
  /// - Throws: ``ArithmeticError``, or an error of an adapter's tensors.
  func compose() throws -> (tensors: [SavedTensor], maps: [MapReport]) {
    let neutral = neutral, weights = request.terms.map(\.weight)
    var tensors: [SavedTensor] = [], maps: [MapReport] = []
    for (place, site) in request.first.adapter.sites.enumerated() {
      let vectors = try request.terms.map { try $0.adapter.sites[place].tensor("ia3_l", shape: [nil, nil]) }
      for (term, vector) in zip(request.terms, vectors) where vector.shape != vectors[0].shape {
        if (vector.shape.first == 1) != (vectors[0].shape.first == 1) {
          throw ArithmeticError.differentOptions(
            key: AdapterKey.feedforwardModules.name,
            .init(request.first, Self.scaled(vectors[0], at: site), term, Self.scaled(vector, at: site)))
        }
        throw ArithmeticError.differentShapes(
          path: site.path, .init(request.first, "a vector \(vectors[0].shape)", term, "a vector \(vector.shape)"))
      }
      let terms = vectors.map { $0.values.map(Double.init) }
      let values = weightedSum(terms.map { $0.map { $0 - neutral } }, weights, from: neutral).map { Float($0) }
      tensors.append(SavedTensor(name: vectors[0].name, shape: vectors[0].shape, values: values))
      let error = DistanceFromSum.relative(values.map(Double.init), terms, weights)
      maps.append(
        MapReport(path: site.path, ranks: [], resultRank: nil, relativeError: error, keptEnergy: nil))
    }
    return (tensors, maps)
  }

  /// Which side of a map a vector scales: (1, inputs) or (outputs, 1).
  private static func scaled(_ vector: SavedTensor, at site: SavedSite) -> String {
    "the \(vector.shape.first == 1 ? "inputs" : "outputs") of \(site.path) scaled"
  }
}
