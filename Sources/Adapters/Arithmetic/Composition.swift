/// One adapter made of several without training.
public struct Composition: Sendable {
  /// The adapter.
  public let result: SavedAdapter
  /// What came of each adapted map.
  public let maps: [MapReport]
  /// What became of each module that was trained whole.
  public let wholeModules: [WholeModuleReport]

  /// - Throws: ``ArithmeticError`` for adapters that do not fit each other or the operator, ``ArithmeticRequestError``
  ///   for options that do not fit it, or an error of an adapter's tensors.
  public init(_ request: ArithmeticRequest) throws {
    try request.options.validate(for: request.operation)
    try request.requireCompatible()
    var configuration = request.first.adapter.configuration
    var tensors: [SavedTensor]
    switch request.type {
    case .lora: (tensors, maps, configuration) = try LowRankComposition(request).compose()
    case .ia3: (tensors, maps) = try VectorComposition(request: request).compose()
    case .moLoRA, .moLoRASD, .moDE: (tensors, maps) = try ElementwiseComposition(request: request).compose()
    case .poly, .taskLoRA, .cPoly, .full:
      preconditionFailure("adapters of peft_type \(request.type.rawValue) have no sum")
    }
    configuration.baseModel =
      request.options.baseModel ?? request.terms.compactMap(\.adapter.configuration.baseModel).first
    let whole = try WholeModules(request)
    (configuration.modulesToSave, configuration.taskHeads) = (whole.modulesToSave, whole.taskHeads)
    // PEFT chooses the model's class by it, which must have a place for the head.
    let all = (request.terms + request.idle).map(\.adapter.configuration)
    if !request.options.leavesOutWholeModules, let owner = all.first(where: \.holdsHead) {
      configuration.taskType = owner.taskType
    }
    tensors += whole.tensors
    wholeModules = whole.reports
    if let tensor = tensors.first(where: { !$0.values.allSatisfy(\.isFinite) }) {
      throw ArithmeticError.tooLarge(path: tensor.name)
    }
    result = try SavedAdapter(
      configuration, storesInputsFirst: request.first.adapter.storesInputsFirst, tensors: tensors,
      file: request.first.adapter.file)
  }

  /// The largest and the mean relative error of a map; nil where none is known.
  public var relativeError: RelativeErrors? { RelativeErrors(maps.compactMap(\.relativeError)) }

  /// The least and the mean share of Σσ² that a truncated sum keeps at a map; nil for other sums.
  public var keptEnergy: (least: Double, mean: Double)? {
    let energies = maps.compactMap(\.keptEnergy)
    return energies.isEmpty ? nil : (energies.min() ?? 0, energies.reduce(0, +) / Double(energies.count))
  }
}

extension AdapterConfiguration {
  /// Whether it brings a head that classifies.
  fileprivate var holdsHead: Bool {
    !taskHeads.isEmpty
      || modulesToSave.contains { name in Self.classifierNames.contains { ("." + name).hasSuffix("." + $0) } }
  }
}
