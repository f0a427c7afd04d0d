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
public struct CPoly: TaskRoutedMethod {
  public static let keys: [AdapterKey] = [
    .rank, .alpha, .dropout, .taskCount, .commonSkillCount, .taskSkillCount, .normalizesRouter, .exclusiveSkills,
  ]
  public static let routing = Routing.task

  let configuration: AdapterConfiguration

  public static func drawsRouterNoise(_ configuration: AdapterConfiguration) -> Bool {
    configuration.commonSkillCount > 0
  }

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
    let own =
      configuration.exclusiveSkills && perTask > 0
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

  public func passMemory(at site: Linear, tasks: Int) -> AdapterMemory {
    let experts = common + (configuration.exclusiveSkills ? tasks : self.tasks) * perTask
    return ProductMixture.memory(at: site, configuration, experts: experts, gates: experts, copiesDown: true)
  }

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    let router =
      common == 0
      ? nil
      : SkillRouter(
        logits: parameters[2], splits: 1, normalizes: configuration.normalizesRouter,
        noise: configuration.routerNoise, site: site.path)
    let allocation = Allocation(
      skills: self, router: router, specific: perTask == 0 ? nil : parameters[parameters.count - 1])
    return ProductMixture(
      at: site, a: parameters[0], b: parameters[1], configuration: configuration, gates: TaskGates(allocation))
  }

  /// The skills that a task has weights on.
  private func experts(of route: Int) -> [Int] {
    let first = configuration.exclusiveSkills ? common + route * perTask : common
    return Array(0..<common) + Array(first..<first + specificColumns)
  }

  /// Common skills by a ``SkillRouter``, tasks' own by learnt weights.
  private struct Allocation: TaskAllocation {
    let skills: CPoly
    let router: SkillRouter?
    let specific: ParameterPair?

    func experts(of route: Int) -> [Int] { skills.experts(of: route) }

    func weights(of segment: Int, _ pass: Pass) -> [Double] {
      let own = specific?.values.rows(pass.segments[segment].route..<pass.segments[segment].route + 1).array() ?? []
      return (router?.weights(of: segment, pass) ?? []) + own.map(Double.init)
    }

    func addGradient(_ dWeights: [Double], of segment: Int, _ pass: Pass) {
      router?.addGradient(Array(dWeights.prefix(skills.common)), of: segment, pass)
      guard let specific else { return }
      for (column, slope) in dWeights.dropFirst(skills.common).enumerated() {
        specific.gradient[pass.segments[segment].route, column] += Float(slope)
      }
    }
  }
}

// MARK: - What is saved

extension CPoly {
  public static let suffixes = ["lora_A", "lora_B", "router_common", "router_specific"]

  /// (A + B) r: the outputs of a task's skills are added up. With `exclusive: false` all tasks' skills are its own.
  public static func activeRank(_ configuration: AdapterConfiguration) -> Int? {
    let tasks = configuration.exclusiveSkills ? 1 : configuration.taskCount
    return (configuration.commonSkillCount + tasks * configuration.taskSkillCount) * configuration.adapterRank
  }

  /// (A + T B) r (P + Q) + T (A + B), or + T (A + T B) with `exclusive: false`.
  public func parameterFormula(at site: SavedSite) throws -> ParameterFormula {
    let (P, Q) = try widths(at: site)
    let A = ParameterFormula("A", common), B = ParameterFormula("B", perTask), T = ParameterFormula("T", tasks)
    let skills = A + T * B
    return skills * ParameterFormula("r", configuration.adapterRank) * (P + Q)
      + T * (configuration.exclusiveSkills ? A + B : skills)
  }

  /// One product of the task's skills side by side: α grows with r, so that the scale stays.
  public var taskLoRA: (adapterRank: Int, alpha: Double) {
    let skills = common + specificColumns
    return (skills * configuration.adapterRank, Double(skills) * configuration.loraAlpha)
  }

  /// The task's A's one above the other; its B's side by side, each times its weight.
  public func factors(of task: Int, at site: SavedSite) throws -> TaskFactors {
    let (inputs, outputs) = try widths(at: site), rank = configuration.adapterRank
    let a = try site.tensor("lora_A", shape: [nil, nil, nil]), b = try site.tensor("lora_B", shape: [nil, nil, nil])
    let experts = experts(of: task), width = experts.count * rank
    var up = [Float](repeating: 0, count: outputs.value * width)
    for (place, weight) in try weights(of: task, at: site).enumerated() {
      for (index, value) in b.row(experts[place]).enumerated() {
        up[index / rank * width + place * rank + index % rank] = Float(weight * Double(value))
      }
    }
    return TaskFactors(
      a: experts.flatMap { a.row($0) }, b: up, inputs: inputs.value, outputs: outputs.value)
  }

  public var skillNames: [String] {
    let own = (0..<specificColumns).map { column in
      configuration.exclusiveSkills ? "own \(column)" : "task \(column / perTask) own \(column % perTask)"
    }
    return (0..<common).map { "common \($0)" } + own
  }

  public func weights(of task: Int, at site: SavedSite) throws -> [Double] {
    var weights: [Double] = []
    if common > 0 {
      let logits = try site.tensor("router_common", shape: [tasks, common]).row(task)
      weights += SkillRouter.weights(logits: logits, splits: 1, normalizes: configuration.normalizesRouter)
    }
    if perTask > 0 {
      weights += try site.tensor("router_specific", shape: [tasks, specificColumns]).row(task).map(Double.init)
    }
    return weights
  }

  private func widths(at site: SavedSite) throws -> (inputs: ParameterFormula, outputs: ParameterFormula) {
    let skills = common + tasks * perTask, rank = configuration.adapterRank
    return try site.widths(a: ("lora_A", [skills, rank, nil]), b: ("lora_B", [skills, nil, rank]))
  }
}
