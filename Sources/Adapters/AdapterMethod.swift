import Backbones
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
    /// Given numbers, in the order of the shape's last axis first.
    case values([Float])
  }

  /// The name behind the module's path, such as `lora_A.weight`.
  public let suffix: String
  public let shape: [Int]
  public let initialization: Initialization
  public let role: TrainableParameters.Role
  /// Which rows belong to one task alone; nil: none.
  public let taskRows: TrainableParameters.TaskRows?

  public init(
    suffix: String, shape: [Int], initialization: Initialization, role: TrainableParameters.Role = .weight,
    taskRows: TrainableParameters.TaskRows? = nil
  ) {
    (self.suffix, self.shape, self.initialization) = (suffix, shape, initialization)
    (self.role, self.taskRows) = (role, taskRows)
  }
}

/// An adapter method: the parameters it adds at a linear map, and the rule by which they act.
///
/// A method is one file. Backbones, training and commands know only this protocol.
public protocol AdapterMethod {
  /// The parameters at one map.
  ///
  /// - Throws: ``AdapterError`` when the configuration does not fit the map.
  func parameters(at site: Linear) throws -> [SiteParameter]

  /// The adapter for one map, working on the memory of its parameters (in the order of ``parameters(at:)``).
  func makeAdapter(at site: Linear, _ parameters: [(values: Matrix, gradient: Matrix)]) throws -> any LinearAdapter
}

extension AdapterConfiguration {
  /// The method this configuration asks for; nil for FULL, which adds nothing to the model.
  public func method(sites: [String]) throws -> (any AdapterMethod)? {
    switch peftType {
    case .lora: return LoRA(configuration: self)
    case .ia3: return try IA3(configuration: self, sites: sites)
    case .full: return nil
    }
  }
}
