import Backbones
import Tensors

/// Where an adapter's parameters go, worked out before any memory is taken.
struct AdapterPlan {
  struct Site {
    let linear: Linear
    let parameters: [SiteParameter]
  }

  private(set) var sites: [Site] = []
  /// Parameters of the backbone that train, and their names in the adapter's file.
  private(set) var trained: [(name: String, parameter: Parameter)] = []
  private(set) var matches: [AdapterModel.Match] = []
  private(set) var method: (any AdapterMethod)?
  /// Heads beside the model's, and the arrays of each: one in place of its own, then the tasks'.
  private(set) var heads: [(path: String, shapes: [(suffix: String, shape: [Int])])] = []
  /// Whether the first of them takes the place of the model's own.
  private(set) var bringsOwnHead = false
  private let backbone: any Backbone

  /// - Parameter isFresh: Whether a module to save that the model lacks is an error; PEFT lists some for all families.
  init(_ configuration: AdapterConfiguration, backbone: any Backbone, isFresh: Bool) throws {
    self.backbone = backbone
    if configuration.peftType == .full {
      trained = backbone.parameters.map { ($0.name, $0) }
      let count = trained.reduce(0) { $0 + $1.parameter.count }
      matches = [.init(pattern: "(all)", modules: Self.modules(trained.map(\.parameter)), parameterCount: count)]
    } else {
      try addSites(configuration, backbone)
    }
    try addModulesToSave(configuration, backbone, isFresh: isFresh)
    try addHeads(configuration)
  }

  var declarations: [TrainableParameters.Declaration] {
    sites.flatMap { site in
      site.parameters.map {
        .init(name: Self.name(site.linear.path, $0.suffix), shape: $0.shape, role: $0.role, taskRows: $0.taskRows)
      }
    } + trained.map { .init(name: $0.name, shape: $0.parameter.shape) }
      + heads.flatMap { path, shapes in shapes.map { .init(name: Self.name(path, $0.suffix), shape: $0.shape) } }
  }

  /// PEFT's name of a parameter at a module.
  static func name(_ path: String, _ suffix: String) -> String { prefix + path + "." + suffix }

  /// What PEFT puts in front of a model's own names.
  static let prefix = "base_model.model."

  private mutating func addSites(_ configuration: AdapterConfiguration, _ backbone: any Backbone) throws {
    let linears = backbone.linears, paths = linears.map(\.path)
    guard let pattern = configuration.targetModules, !pattern.parts.isEmpty else {
      throw AdapterError.noMatch(pattern: "", examples: Array(paths.prefix(4)))
    }
    let selected = try pattern.matches(paths)
    method = try configuration.peftType.method?.init(configuration, sites: paths.filter(selected.contains))
    for linear in linears where selected.contains(linear.path) {
      sites.append(Site(linear: linear, parameters: try method?.parameters(at: linear) ?? []))
    }
    for part in pattern.parts {
      let modules = try pattern.matches(part: part, paths)
      guard !modules.isEmpty else { throw AdapterError.noMatch(pattern: part, examples: Array(paths.prefix(4))) }
      let count = sites.filter { modules.contains($0.linear.path) }
        .reduce(0) { $0 + $1.parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }
      matches.append(.init(pattern: part, modules: modules, parameterCount: count))
    }
  }

  /// Throws for a pattern beside target_modules that fits none of the modules these select.
  func requireUse(ofPatterns configuration: AdapterConfiguration) throws {
    let paths = sites.map(\.linear.path)
    func require(_ key: String, _ pattern: String, _ isUsed: Bool) throws {
      guard isUsed else { throw AdapterError.unusedPattern(key: key, pattern: pattern, examples: paths) }
    }
    if let feedforward = configuration.feedforwardModules {
      for part in feedforward.parts {
        try require(AdapterKey.feedforwardModules.name, part, try !feedforward.matches(part: part, paths).isEmpty)
      }
    }
    for entry in configuration.rankPattern {
      try require(AdapterKey.rankPattern.name, entry.pattern, try paths.contains { try entry.fits($0) })
    }
    for entry in configuration.alphaPattern {
      try require(AdapterKey.alphaPattern.name, entry.pattern, try paths.contains { try entry.fits($0) })
    }
  }

  private mutating func addModulesToSave(
    _ configuration: AdapterConfiguration, _ backbone: any Backbone, isFresh: Bool
  ) throws {
    for name in configuration.modulesToSave where configuration.peftType != .full {
      if name == TaskHead.ownPath, addOwnHead(configuration, backbone) { continue }
      let found = backbone.parameters.filter { Self.lies($0.modulePath, in: name) }
      // PEFT lists every name that a classification head has in some family.
      if found.isEmpty, !isFresh, AdapterConfiguration.classifierNames.contains(name) { continue }
      guard !found.isEmpty else {
        throw AdapterError.noModuleToSave(name, examples: Array(Self.modules(backbone.parameters).prefix(5)))
      }
      let fresh = found.filter { parameter in !trained.contains { $0.parameter === parameter } }
      trained += fresh.map { (Self.prefix + $0.name, $0) }
      matches.append(
        .init(
          pattern: name + " (whole)", modules: Self.modules(fresh),
          parameterCount: fresh.reduce(0) { $0 + $1.count }))
    }
  }

  /// Plans the saved head, if the model has none or one for another number of classes.
  private mutating func addOwnHead(_ configuration: AdapterConfiguration, _ backbone: any Backbone) -> Bool {
    guard let count = configuration.savedClassCount, let backbone = backbone as? any ClassifyingBackbone,
      backbone.canClassify, backbone.classifier?.outputCount != count
    else { return false }
    bringsOwnHead = true
    addHead(TaskHead.ownPath, backbone, outputCount: count)
    return true
  }

  private mutating func addHead(_ path: String, _ backbone: any ClassifyingBackbone, outputCount: Int) {
    let shapes = backbone.classifierShapes(outputCount: outputCount)
    heads.append((path, shapes))
    let count = shapes.reduce(0) { $0 + $1.shape.reduce(1, *) }
    matches.append(.init(pattern: path + " (whole)", modules: [path], parameterCount: count))
  }

  private mutating func addHeads(_ configuration: AdapterConfiguration) throws {
    guard let first = configuration.taskHeads.first else { return }
    guard configuration.peftType != .full else { throw TaskHeadError.headsOfWholeModel(task: first.task) }
    guard let backbone = backbone as? any ClassifyingBackbone else {
      throw TaskHeadError.noClassification(task: first.task, family: backbone.family)
    }
    guard backbone.canClassify else { throw TaskHeadError.noPooler(task: first.task) }
    for head in configuration.taskHeads { addHead(head.path, backbone, outputCount: head.labelCount) }
  }

  /// The heads on their memory, with initial values as Hugging Face's: N(0, 0.02²), biases 0.
  func makeHeads(on parameters: TrainableParameters, key: RandomKey) -> [ClassificationHead] {
    guard let backbone = backbone as? any ClassifyingBackbone else { return [] }
    return heads.map { path, shapes in
      let arrays = shapes.map { suffix, shape in
        let name = Self.name(path, suffix), values = parameters.values(name)
        let isBias = suffix.hasSuffix("bias")
        let start = isBias ? SiteParameter.Initialization.zeros : .normal(standardDeviation: 0.02)
        start.fill(values, key: key.child(name))
        let parameter = Parameter(name: name, shape: shape, numbers: .fp32(values.baseAddress!))
        parameter.train(values: values, gradient: parameters.gradient(name))
        return parameter
      }
      return backbone.makeClassifier(path: path, arrays)
    }
  }

  /// The modules that hold the parameters, each once.
  private static func modules(_ parameters: [Parameter]) -> [String] {
    var seen: Set<String> = []
    return parameters.map(\.modulePath).filter { seen.insert($0).inserted }
  }

  /// Whether `path`, or a module around it, has a name that ends with `name` at a dot.
  static func lies(_ path: String, in name: String) -> Bool {
    ("." + path + ".").contains("." + name + ".")
  }
}
