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
  /// The heads of ``AdapterConfiguration/taskHeads``.
  public let taskHeads: [ClassificationHead]
  /// The adapter's own head for tasks without one, where the model has none or one for another number of classes.
  let ownHead: ClassificationHead?

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
    let headModules = [backbone.projectionPath] + (backbone.head.map { [$0.weight.modulePath] } ?? [])
    let savesHead = configuration.modulesToSave.contains { name in
      headModules.contains { AdapterPlan.lies($0, in: name) }
    }
    if savesHead { backbone.untieHead() }
    let plan = try AdapterPlan(configuration, backbone: backbone, isFresh: isFresh)
    if isFresh { try plan.requireUse(ofPatterns: configuration) }
    let parameters = TrainableParameters(plan.declarations)
    (self.parameters, matches) = (parameters, plan.matches)
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
    let heads = plan.makeHeads(on: parameters, key: key)
    (ownHead, taskHeads) = (plan.bringsOwnHead ? heads.first : nil, Array(heads.dropFirst(plan.bringsOwnHead ? 1 : 0)))
    for (name, parameter) in plan.trained {
      parameter.train(values: parameters.values(name), gradient: parameters.gradient(name))
    }
  }

  /// A bare backbone: nothing trains.
  public init(bare backbone: any Backbone) {
    self.backbone = backbone
    configuration = nil
    parameters = TrainableParameters([])
    (matches, taskHeads, ownHead) = ([], [], nil)
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
