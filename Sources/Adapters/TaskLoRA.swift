import Backbones
import Tensors

/// Task-specific LoRA: a LoRA of its own for every task, which no other task's examples train.
///
///     y = x W + b + (α / r) (dropout(x) A_tᵀ) B_tᵀ        t: the sequence's task
///
/// Shapes: A (tasks, r, inputs), Kaiming-uniform at first; B (tasks, outputs, r), zero at first.
public struct TaskLoRA: TaskRoutedMethod {
  public static let keys: [AdapterKey] = [.rank, .alpha, .dropout, .taskCount]
  public static let routing = Routing.task

  let configuration: AdapterConfiguration

  public init(_ configuration: AdapterConfiguration, sites: [String]) { self.configuration = configuration }

  public func parameters(at site: Linear) -> [SiteParameter] {
    let (tasks, rank) = (configuration.taskCount, configuration.adapterRank)
    let own = TrainableParameters.TaskRows(first: 0, perTask: 1)
    return [
      SiteParameter(
        suffix: "lora_A", shape: [tasks, rank, site.inputs], initialization: .kaimingUniform(inputs: site.inputs),
        taskRows: own),
      SiteParameter(
        suffix: "lora_B", shape: [tasks, site.outputs, rank], initialization: .zeros, role: .upProjection,
        taskRows: own),
    ]
  }

  public func passMemory(at site: Linear, tasks: Int) -> AdapterMemory {
    ProductMixture.memory(at: site, configuration, experts: tasks, gates: tasks, copiesDown: true)
  }

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    ProductMixture(
      at: site, a: parameters[0], b: parameters[1], configuration: configuration, gates: TaskGates(OwnExpert()))
  }

  /// Each task has one expert, its own, and uses it whole.
  private struct OwnExpert: TaskAllocation {
    func experts(of route: Int) -> [Int] { [route] }
    func weights(of segment: Int, _ pass: Pass) -> [Double] { [1] }
    func addGradient(_ dWeights: [Double], of segment: Int, _ pass: Pass) {}
  }
}

// MARK: - What is saved

extension TaskLoRA {
  public static let suffixes = ["lora_A", "lora_B"]

  /// T r (P + Q).
  public func parameterFormula(at site: SavedSite) throws -> ParameterFormula {
    let (P, Q) = try widths(at: site)
    return ParameterFormula("T", configuration.taskCount) * ParameterFormula("r", configuration.adapterRank) * (P + Q)
  }

  public var taskLoRA: (adapterRank: Int, alpha: Double) { (configuration.adapterRank, configuration.loraAlpha) }

  /// The task's own.
  public func factors(of task: Int, at site: SavedSite) throws -> TaskFactors {
    let (inputs, outputs) = try widths(at: site)
    return TaskFactors(
      a: Array(try site.tensor("lora_A", shape: [nil, nil, nil]).row(task)),
      b: Array(try site.tensor("lora_B", shape: [nil, nil, nil]).row(task)), inputs: inputs.value,
      outputs: outputs.value)
  }

  public var skillNames: [String] { [] }

  public func weights(of task: Int, at site: SavedSite) -> [Double] { [] }

  private func widths(at site: SavedSite) throws -> (inputs: ParameterFormula, outputs: ParameterFormula) {
    let (tasks, rank) = (configuration.taskCount, configuration.adapterRank)
    return try site.widths(a: ("lora_A", [tasks, rank, nil]), b: ("lora_B", [tasks, nil, rank]))
  }
}
