/// (IA)³ adapters made into one. Since l multiplies, l - 1 is what is added:
///
///     l' = 1 + Σ wᵢ (lᵢ - 1)
///
/// That is the paper's sum (weights that sum to 1), negation 1 - λ (l - 1) and combination
/// 1 + c₀ (l₁ - 1) + c₁ (l₂ - l₃) in one (Zhang et al. 2023, section 3). PEFT's `linear` is l' = Σ wᵢ lᵢ, which also
/// scales the map by Σ wᵢ.
struct VectorComposition {
  let request: ArithmeticRequest

  private var addsVectorsThemselves: Bool { request.options.isPEFTCompatible && request.operation == .linear }

  /// The tensors of all maps, and what came of each.
  ///
  /// - Throws: ``ArithmeticError``, or an error of an adapter's tensors.
  func compose() throws -> (tensors: [SavedTensor], maps: [MapReport]) {
    var tensors: [SavedTensor] = [], maps: [MapReport] = []
    for (place, site) in request.first.adapter.sites.enumerated() {
      let vectors = try request.terms.map { try $0.adapter.sites[place].tensor("ia3_l", shape: [nil, nil]) }
      for (term, vector) in zip(request.terms, vectors) where vector.shape != vectors[0].shape {
        if (vector.shape.first == 1) != (vectors[0].shape.first == 1) {
          throw ArithmeticError.differentOptions(
            key: "feedforward_modules",
            .init(request.first, Self.scaled(vectors[0], at: site), term, Self.scaled(vector, at: site)))
        }
        throw ArithmeticError.differentShapes(
          path: site.path, .init(request.first, "a vector \(vectors[0].shape)", term, "a vector \(vector.shape)"))
      }
      let terms = zip(request.terms, vectors).map { (vector: $1.values.map(Double.init), weight: $0.weight) }
      let values = sum(terms).map { Float($0) }
      tensors.append(SavedTensor(name: vectors[0].name, shape: vectors[0].shape, values: values))
      let error = DistanceFromSum.relative(values.map(Double.init), terms)
      maps.append(
        MapReport(path: site.path, ranks: [], resultRank: nil, relativeError: error, keptEnergy: nil))
    }
    return (tensors, maps)
  }

  /// Which side of a map a vector scales: (1, inputs) or (outputs, 1).
  private static func scaled(_ vector: SavedTensor, at site: SavedSite) -> String {
    "the \(vector.shape.first == 1 ? "inputs" : "outputs") of \(site.path) scaled"
  }

  private func sum(_ terms: [(vector: [Double], weight: Double)]) -> [Double] {
    let neutral = addsVectorsThemselves ? 0.0 : 1
    return terms[0].vector.indices.map { index in
      terms.reduce(neutral) { $0 + $1.weight * ($1.vector[index] - neutral) }
    }
  }
}
