import Backbones
import Tensors

/// C-Poly (arXiv 2312.03248): skills that all tasks share, and skills of each task's own, each a LoRA; their outputs are
/// added up.
///
///     y = x W + b + (α / r) [Σ_i w_i (dropout(x) A_iᵀ) B_iᵀ + Σ_j v_j (dropout(x) A_jᵀ) B_jᵀ]
///
/// i runs over the A common skills, w from ``SkillRouter``; j over the task's own B skills, v learnt from 1. What the paper
/// leaves open is an option: whether w is normalised over the common skills (`normalize_router`, default true, as Poly
/// does), and whether a task may also learn to use the own skills of others (`exclusive: false`: v has a weight for
/// every task's skills, 0 at first but for its own). That outputs are mixed, and not factors, is what its equation says.
///
/// Shapes: A (A + T·B, r, inputs), Kaiming-uniform at first, task t's own from A + t·B; B (A + T·B, outputs, r), zero;
/// router_common (T, A) logits, U(-0.001, 0.001); router_specific (T, B), or (T, T·B) if not exclusive.
public struct CPoly: AdapterMethod {
  public static let keys: [AdapterKey] = [
    .rank, .alpha, .dropout, .taskCount, .commonSkillCount, .taskSkillCount, .normalizesRouter, .exclusiveSkills,
  ]
  public static let routing = Routing.task
  public static let drawsRouterNoise = true

  let configuration: AdapterConfiguration

  public init(_ configuration: AdapterConfiguration, sites: [String]) throws {
    guard configuration.commonSkillCount + configuration.taskSkillCount > 0 else { throw AdapterError.noSkills }
    self.configuration = configuration
  }

  private var common: Int { configuration.commonSkillCount }
  private var perTask: Int { configuration.taskSkillCount }
  private var tasks: Int { configuration.taskCount }
  /// Weights that a task has on tasks' own skills.
  private var specificColumns: Int { configuration.exclusiveSkills ? perTask : tasks * perTask }

  public func parameters(at site: Linear) -> [SiteParameter] {
    let rank = configuration.adapterRank, skills = common + tasks * perTask
    // Skills that others may use are nobody's own.
    let own = configuration.exclusiveSkills && perTask > 0
      ? TrainableParameters.TaskRows(first: common, perTask: perTask) : nil
    let row = TrainableParameters.TaskRows(first: 0, perTask: 1)
    return [
      SiteParameter(
        suffix: "lora_A", shape: [skills, rank, site.inputs], initialization: .kaimingUniform(inputs: site.inputs),
        taskRows: own),
      SiteParameter(
        suffix: "lora_B", shape: [skills, site.outputs, rank], initialization: .zeros, role: .upProjection,
        taskRows: own),
      SiteParameter(
        suffix: "router_common", shape: [tasks, common], initialization: .uniform(bound: 1e-3), role: .router,
        taskRows: row),
      SiteParameter(
        suffix: "router_specific", shape: [tasks, specificColumns], initialization: .values(unitAllocation),
        role: .router, taskRows: row),
    ].filter { $0.count > 0 }
  }

  /// 1 on a task's own skills, 0 on others'.
  private var unitAllocation: [Float] {
    (0..<tasks).flatMap { task in
      (0..<specificColumns).map { configuration.exclusiveSkills || $0 / perTask == task ? 1 : 0 }
    }
  }

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    let router = common == 0
      ? nil
      : SkillRouter(
        logits: parameters[2], splits: 1, normalizes: configuration.normalizesRouter,
        noise: configuration.routerNoise, site: site.path)
    let allocation = Allocation(
      router: router, specific: perTask == 0 ? nil : parameters[parameters.count - 1], common: common,
      perTask: perTask, isExclusive: configuration.exclusiveSkills)
    return ProductMixture(
      at: site, a: parameters[0], b: parameters[1], configuration: configuration, gates: TaskGates(allocation))
  }

  /// Common skills by a ``SkillRouter``, tasks' own by learnt weights.
  private struct Allocation: TaskAllocation {
    let router: SkillRouter?
    let specific: ParameterPair?
    let common, perTask: Int
    let isExclusive: Bool

    func experts(of task: Int) -> [Int] {
      guard let specific else { return Array(0..<common) }
      let first = isExclusive ? common + task * perTask : common
      return Array(0..<common) + Array(first..<first + specific.values.columns)
    }

    func weights(of sequence: Int, _ pass: Pass) -> [Double] {
      let own = specific?.values.rows(pass.tasks[sequence]..<pass.tasks[sequence] + 1).array() ?? []
      return (router?.weights(of: sequence, pass) ?? []) + own.map(Double.init)
    }

    func addGradient(_ dWeights: [Double], of sequence: Int, _ pass: Pass) {
      router?.addGradient(Array(dWeights.prefix(common)), of: sequence, pass)
      guard let specific else { return }
      for (column, slope) in dWeights.dropFirst(common).enumerated() {
        specific.gradient[pass.tasks[sequence], column] += Float(slope)
      }
    }
  }
}
