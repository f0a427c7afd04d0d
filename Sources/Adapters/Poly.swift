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
public struct Poly: TaskRoutedMethod {
  public static let keys: [AdapterKey] = [.rank, .taskCount, .skillCount, .splitCount]
  public static let routing = Routing.task
  public static let constants: [String: any Sendable] = ["poly_type": "poly", "init_weights": true]

  let configuration: AdapterConfiguration

  public static func drawsRouterNoise(_ configuration: AdapterConfiguration) -> Bool { true }

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

  /// Two factors and their gradients.
  public func passMemory(at site: Linear, tasks: Int) -> AdapterMemory {
    let rank = configuration.adapterRank
    return AdapterMemory(keptPerRow: rank, backwardPerRow: rank, fixed: 2 * rank * (site.inputs + site.outputs))
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

// MARK: - What is saved

extension Poly {
  public static let suffixes = ["poly_lora_A", "poly_lora_B", "poly_router.module_logits"]

  /// S r (P + Q) + T S, and h times as many logits with h splits.
  public func parameterFormula(at site: SavedSite) throws -> ParameterFormula {
    let (a, b) = try skills(at: site)
    let P = ParameterFormula("P", splits * a.shape[2]), Q = ParameterFormula("Q", splits * b.shape[3])
    let S = ParameterFormula("S", skillCount), r = ParameterFormula("r", configuration.adapterRank)
    let logits = ParameterFormula("T", configuration.taskCount) * S
    return S * r * (P + Q) + (splits == 1 ? logits : logits * ParameterFormula("h", splits))
  }

  /// α = 1: the scale is 1 / r.
  public var taskLoRA: (adapterRank: Int, alpha: Double) { (configuration.adapterRank, 1) }

  /// A_tᵀ and B_tᵀ.
  public func factors(of task: Int, at site: SavedSite) throws -> TaskFactors {
    let (a, b) = try skills(at: site), weights = try weights(of: task, at: site), rank = configuration.adapterRank
    let (aWidth, bWidth) = (a.shape[2], b.shape[3])
    let (inputs, outputs) = (splits * aWidth, splits * bWidth)
    var at = [Double](repeating: 0, count: rank * inputs), bt = [Double](repeating: 0, count: outputs * rank)
    for (index, weight) in weights.enumerated() {
      let split = index / skillCount
      for input in 0..<aWidth {
        for dimension in 0..<rank {
          at[dimension * inputs + split * aWidth + input] +=
            weight * Double(a.values[(index * aWidth + input) * rank + dimension])
        }
      }
      for dimension in 0..<rank {
        for output in 0..<bWidth {
          bt[(split * bWidth + output) * rank + dimension] +=
            weight * Double(b.values[(index * rank + dimension) * bWidth + output])
        }
      }
    }
    return TaskFactors(a: at.map(Float.init), b: bt.map(Float.init), inputs: inputs, outputs: outputs)
  }

  public var skillNames: [String] {
    (0..<splits).flatMap { split in
      (0..<skillCount).map { splits == 1 ? "skill \($0)" : "split \(split) skill \($0)" }
    }
  }

  public func weights(of task: Int, at site: SavedSite) throws -> [Double] {
    let logits = try site.tensor(
      "poly_router.module_logits", shape: [configuration.taskCount, splits * skillCount])
    return SkillRouter.weights(logits: logits.row(task), splits: splits, normalizes: true)
  }

  private var splits: Int { configuration.splitCount }
  private var skillCount: Int { configuration.skillCount }

  private func skills(at site: SavedSite) throws -> (a: SavedTensor, b: SavedTensor) {
    let rank = configuration.adapterRank
    return (
      try site.tensor("poly_lora_A", shape: [splits, skillCount, nil, rank]),
      try site.tensor("poly_lora_B", shape: [splits, skillCount, rank, nil])
    )
  }
}
