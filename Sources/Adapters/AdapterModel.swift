import Backbones
import Tensors

/// A backbone with an adapter set into it, and the memory of everything that trains.
public final class AdapterModel {
  public let backbone: any Backbone
  /// With the family's defaults filled in; nil for a bare backbone.
  public let configuration: AdapterConfiguration?
  public let parameters: TrainableParameters
  /// What each pattern matched, for the table at the start.
  public let matches: [Match]

  /// One row of the table: a pattern and what it selected.
  public struct Match: Sendable {
    public let pattern: String
    public let modules: [String]
    /// Numbers trained in those modules.
    public let parameterCount: Int
  }

  /// Sets a fresh adapter into `backbone`, or makes all of it trainable (FULL).
  ///
  /// Initial values depend on the seed and each parameter's name alone, so every rank starts with the same.
  ///
  /// - Parameter isFresh: Whether the configuration is the user's own. One from a saved adapter may, as in PEFT, carry
  ///   patterns beside target_modules that change nothing.
  /// - Throws: ``AdapterError`` when a pattern matches nothing or an option does not fit.
  public init(
    _ configuration: AdapterConfiguration, backbone: any Backbone, seed: UInt64, isFresh: Bool = true
  ) throws {
    let configuration = configuration.withDefaults(family: backbone.family)
    (self.configuration, self.backbone) = (configuration, backbone)
    // PEFT trains a copy of a saved module, so a tied output projection and embedding part: one trains, or each alone.
    let headModules = ["lm_head", backbone.head.weight.modulePath]
    if configuration.modulesToSave.contains(where: { name in headModules.contains { AdapterPlan.lies($0, in: name) } }) {
      backbone.untieHead()
    }
    let plan = try AdapterPlan(configuration, backbone: backbone)
    if isFresh { try plan.requireUse(ofPatterns: configuration) }
    parameters = TrainableParameters(plan.declarations)
    matches = plan.matches
    let key = RandomKey(seed: seed).child("initial values")
    for site in plan.sites {
      for parameter in site.parameters {
        let name = AdapterPlan.name(site.linear.path, parameter.suffix)
        parameter.initialization.fill(parameters.values(name), key: key.child(name))
      }
      site.linear.adapter = try plan.method?.makeAdapter(
        at: site.linear,
        site.parameters.map { parameters.pair(AdapterPlan.name(site.linear.path, $0.suffix), rows: $0.shape[0]) })
    }
    for (name, parameter) in plan.trained {
      parameter.train(values: parameters.values(name), gradient: parameters.gradient(name))
    }
  }

  /// A bare backbone: nothing trains.
  public init(bare backbone: any Backbone) {
    self.backbone = backbone
    configuration = nil
    parameters = TrainableParameters([])
    matches = []
  }

  /// The token routers and the paths of their maps, in the model's order.
  public var tokenRouters: [(path: String, router: TokenRouter)] {
    backbone.linears.compactMap { linear in
      (linear.adapter as? any TokenRouted)?.tokenRouter.map { (linear.path, $0) }
    }
  }

  /// All numbers of the model without its adapter.
  public var backboneParameterCount: Int { backbone.parameters.reduce(0) { $0 + $1.count } }
}

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

  init(_ configuration: AdapterConfiguration, backbone: any Backbone) throws {
    if configuration.peftType == .full {
      trained = backbone.parameters.map { ($0.name, $0) }
      let count = trained.reduce(0) { $0 + $1.parameter.count }
      matches = [.init(pattern: "(all)", modules: Self.modules(trained.map(\.parameter)), parameterCount: count)]
    } else {
      try addSites(configuration, backbone)
    }
    try addModulesToSave(configuration, backbone)
  }

  var declarations: [TrainableParameters.Declaration] {
    sites.flatMap { site in
      site.parameters.map {
        .init(name: Self.name(site.linear.path, $0.suffix), shape: $0.shape, role: $0.role, taskRows: $0.taskRows)
      }
    } + trained.map { .init(name: $0.name, shape: $0.parameter.shape) }
  }

  /// PEFT's name of a parameter at a module.
  static func name(_ path: String, _ suffix: String) -> String { "base_model.model.\(path).\(suffix)" }

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
        try require("feedforward_modules", part, try !feedforward.matches(part: part, paths).isEmpty)
      }
    }
    for entry in configuration.rankPattern {
      try require("rank_pattern", entry.pattern, try paths.contains { try entry.fits($0) })
    }
    for entry in configuration.alphaPattern {
      try require("alpha_pattern", entry.pattern, try paths.contains { try entry.fits($0) })
    }
  }

  private mutating func addModulesToSave(_ configuration: AdapterConfiguration, _ backbone: any Backbone) throws {
    for name in configuration.modulesToSave where configuration.peftType != .full {
      let found = backbone.parameters.filter { Self.lies($0.modulePath, in: name) }
      guard !found.isEmpty else {
        throw AdapterError.noModuleToSave(name, examples: Array(Self.modules(backbone.parameters).prefix(5)))
      }
      let fresh = found.filter { parameter in !trained.contains { $0.parameter === parameter } }
      trained += fresh.map { ("base_model.model." + $0.name, $0) }
      matches.append(
        .init(
          pattern: name + " (whole)", modules: Self.modules(fresh),
          parameterCount: fresh.reduce(0) { $0 + $1.count }))
    }
  }

  /// The modules that hold the parameters, each once.
  private static func modules(_ parameters: [Parameter]) -> [String] {
    var seen: Set<String> = []
    return parameters.map(\.modulePath).filter { seen.insert($0).inserted }
  }

  /// Whether `path`, or a module around it, has a name that ends with `name` at a dot.
  fileprivate static func lies(_ path: String, in name: String) -> Bool {
    ("." + path + ".").contains("." + name + ".")
  }
}

extension SiteParameter.Initialization {
  /// Fills a parameter's memory.
  func fill(_ values: UnsafeMutableBufferPointer<Float>, key: RandomKey) {
    switch self {
    case .zeros: values.update(repeating: 0)
    case .ones: values.update(repeating: 1)
    case .kaimingUniform(let inputs):
      let bound = 1 / Float(inputs).squareRoot()
      key.fillUniform(values, low: -bound, high: bound)
    case .uniform(let bound): key.fillUniform(values, low: -bound, high: bound)
    case .normal(let standardDeviation): key.fillNormal(values, standardDeviation: standardDeviation)
    case .values(let given):
      precondition(given.count == values.count, "\(given.count) initial numbers for \(values.count)")
      _ = values.update(from: given)
    }
  }
}
