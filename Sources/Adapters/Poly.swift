import Backbones
import Tensors

/// Poly (Ponti et al. 2023) and, with more than one split, MHR (Caccia et al. 2023): tasks average an inventory of skills,
/// factor by factor.
///
///     y = x W + b + (1 / r) (x A_t) B_t        A_t = Σ_s w_s A_s,  B_t = Σ_s w_s B_s, in each split apart
///
/// w: see ``SkillRouter``, normalised over skills. As PEFT has it, with a router at every map and without α or dropout.
///
/// Shapes: A (splits, skills, inputs / splits, r), Kaiming-uniform at first; B (splits, skills, r, outputs / splits),
/// zero; the router's logits (tasks, splits · skills), U(-0.001, 0.001).
public struct Poly: AdapterMethod {
  public static let keys: [AdapterKey] = [.rank, .taskCount, .skillCount, .splitCount]
  public static let routing = Routing.task
  public static let drawsRouterNoise = true
  public static let constants: [String: any Sendable] = ["poly_type": "poly", "init_weights": true]

  let configuration: AdapterConfiguration

  public init(_ configuration: AdapterConfiguration, sites: [String]) { self.configuration = configuration }

  public func parameters(at site: Linear) throws -> [SiteParameter] {
    let (splits, skills, rank) = (configuration.splitCount, configuration.skillCount, configuration.adapterRank)
    for (name, width) in [("input", site.inputs), ("output", site.outputs)] where width % splits != 0 {
      throw AdapterError.indivisible("the \(name) width", width, by: "n_splits", splits, module: site.path)
    }
    return [
      SiteParameter(
        suffix: "poly_lora_A", shape: [splits, skills, site.inputs / splits, rank],
        initialization: .kaimingUniform(inputs: site.inputs / splits)),
      SiteParameter(
        suffix: "poly_lora_B", shape: [splits, skills, rank, site.outputs / splits], initialization: .zeros,
        role: .upProjection),
      SiteParameter(
        suffix: "poly_router.module_logits", shape: [configuration.taskCount, splits * skills],
        initialization: .uniform(bound: 1e-3), role: .router, taskRows: .init(first: 0, perTask: 1)),
    ]
  }

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    FactorMixture(
      at: site, a: parameters[0], b: parameters[1], adapterRank: configuration.adapterRank,
      splits: configuration.splitCount, skills: configuration.skillCount,
      scale: 1 / Float(configuration.adapterRank),
      router: SkillRouter(
        logits: parameters[2], splits: configuration.splitCount, normalizes: true, noise: configuration.routerNoise,
        site: site.path))
  }
}
