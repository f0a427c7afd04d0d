import Backbones
import Tensors

/// Task-specific LoRA: a LoRA of its own for every task, which no other task's examples train.
///
///     y = x W + b + (α / r) (dropout(x) A_tᵀ) B_tᵀ        t: the sequence's task
///
/// Shapes: A (tasks, r, inputs), Kaiming-uniform at first; B (tasks, outputs, r), zero at first.
public struct TaskLoRA: AdapterMethod {
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

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    ProductMixture(
      at: site, a: parameters[0], b: parameters[1], configuration: configuration, gates: TaskGates(OwnExpert()))
  }

  /// Each task has one expert, its own, and uses it whole.
  private struct OwnExpert: TaskAllocation {
    func experts(of task: Int) -> [Int] { [task] }
    func weights(of sequence: Int, _ pass: Pass) -> [Double] { [1] }
    func addGradient(_ dWeights: [Double], of sequence: Int, _ pass: Pass) {}
  }
}
