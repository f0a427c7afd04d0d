/// Checks before any number is touched: adapters that do not fit each other are refused by name.
extension ArithmeticRequest {
  /// The first adapter, which the others are compared with.
  var first: WeightedAdapter { terms[0] }
  private var others: [WeightedAdapter] { terms.dropFirst() + idle }

  /// What all adapters are.
  var type: PEFTType { first.adapter.configuration.peftType }

  /// - Throws: ``ArithmeticError`` with the first thing that does not fit.
  func requireCompatible() throws {
    for term in others { try require(term, \.configuration.peftType.rawValue) { .differentTypes($0) } }
    try requireOneBase()
    for term in others {
      try require(term, \.storesInputsFirst) { .differentOptions(key: "fan_in_fan_out", $0) }
      try requireSameMaps(term)
    }
    for term in terms + idle { try requireFitting(term) }
    if type.routing == .token {
      try requireEqualKeys()
      let total = terms.reduce(0) { $0 + $1.weight }
      // Rounding, of weights such as three times 1/3.
      guard abs(total - 1) < 1e-6 else { throw ArithmeticError.expertsNotAveraged(type: type.rawValue, total: total) }
    }
  }

  /// - Throws: The error that `error` makes of the difference if `value` is not the same in the first adapter.
  private func require<Value: Equatable>(
    _ term: WeightedAdapter, _ value: (SavedAdapter) -> Value, _ error: (ArithmeticError.Difference) -> ArithmeticError
  ) throws {
    let own = value(first.adapter), its = value(term.adapter)
    guard own == its else { throw error(.init(first, own, term, its)) }
  }

  /// Adapters that name no base model go with any.
  private func requireOneBase() throws {
    let named = (terms + idle).compactMap { term in term.base.map { (term: term, base: $0) } }
    guard options.baseModel == nil, let known = named.first else { return }
    for other in named where other.base != known.base {
      throw ArithmeticError.differentBaseModels(.init(known.term, known.base, other.term, other.base))
    }
  }

  private func requireSameMaps(_ term: WeightedAdapter) throws {
    let own = first.adapter.sites.map(\.path), its = term.adapter.sites.map(\.path)
    let lacks = own.filter { !its.contains($0) }, adds = its.filter { !own.contains($0) }
    if !lacks.isEmpty { throw ArithmeticError.differentMaps(name: term.name, lacks: lacks, of: first.name) }
    if !adds.isEmpty { throw ArithmeticError.differentMaps(name: first.name, lacks: adds, of: term.name) }
  }

  /// Whether the operator knows the adapter's kind.
  private func requireFitting(_ term: WeightedAdapter) throws {
    let configuration = term.adapter.configuration, type = configuration.peftType
    if configuration.useDoRA { throw ArithmeticError.decomposed(name: term.name) }
    switch type.routing {
    case .task: throw ArithmeticError.routedByTask(name: term.name, type: type.rawValue)
    case .token:
      guard [.add, .linear].contains(operation) else {
        throw ArithmeticError.notElementwise(operation, name: term.name, type: type.rawValue)
      }
      guard term.weight >= 0 else { throw ArithmeticError.negatedExperts(name: term.name, type: type.rawValue) }
    case .none:
      guard type != .ia3 || operation.isPapers || operation == .linear else {
        throw ArithmeticError.notForVectors(operation, name: term.name)
      }
    }
  }

  /// Adapters that are added element by element must mean the same by each element.
  private func requireEqualKeys() throws {
    for key in AdapterKey.all where type.reads(key) && key.name != AdapterKey.dropout.name {
      for term in others {
        try require(term, { "\(key.json(of: $0.configuration))" }, { .differentOptions(key: key.name, $0) })
      }
    }
  }
}

extension WeightedAdapter {
  /// The base model's name without a slash at its end.
  fileprivate var base: String? {
    adapter.configuration.baseModel.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
  }
}
