import Tensors

/// One parameter that a method adds at a site.
public struct SiteParameter: Sendable {
  /// How it starts.
  public enum Initialization: Sendable {
    case zeros
    case ones
    /// U(-1/√n, 1/√n): Kaiming-uniform with a = √5, as PyTorch's Linear and PEFT's lora_A.
    case kaimingUniform(inputs: Int)
    /// U(-bound, bound).
    case uniform(bound: Float)
    /// N(0, standardDeviation²).
    case normal(standardDeviation: Float)
    /// Given numbers, in row order.
    case values([Float])
  }

  /// The name behind the module's path, such as `lora_A.weight`.
  public let suffix: String
  public let shape: [Int]
  public let initialization: Initialization
  public let role: TrainableParameters.Role
  /// Which rows of the first axis belong to one task alone; nil: none.
  public let taskRows: TrainableParameters.TaskRows?

  public init(
    suffix: String, shape: [Int], initialization: Initialization, role: TrainableParameters.Role = .weight,
    taskRows: TrainableParameters.TaskRows? = nil
  ) {
    (self.suffix, self.shape, self.initialization) = (suffix, shape, initialization)
    (self.role, self.taskRows) = (role, taskRows)
  }

  /// Numbers in it.
  public var count: Int { shape.reduce(1, *) }
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
