import Checkpoints

/// Why whole models cannot be combined.
public enum TaskVectorError: Error, CustomStringConvertible, Equatable {
  public typealias Difference = ArithmeticError.Difference

  case mixedWithAdapter(model: String, adapter: String)
  case needsFactors(ArithmeticOperator)
  case noBase(ArithmeticOperator)
  case weightsNeedBase(total: Double)
  case differentModels(key: String, Difference)
  case differentTensors(name: String, lacks: [String], of: String)
  case differentShapes(tensor: String, Difference)
  case differentHeads(tensor: String, Difference)
  case headsHaveNoMean(tensor: String)
  case tooLarge(tensor: String, dataType: String)

  /// Whether the command was called wrongly, and no file is at fault.
  public var isUsage: Bool {
    switch self {
    case .needsFactors, .noBase, .weightsNeedBase: true
    default: false
    }
  }

  public var description: String {
    switch self {
    case .mixedWithAdapter(let model, let adapter):
      "\(model) is a whole model and \(adapter) an adapter, which have no sum: give models alone, or adapters alone "
        + "(`polyad merge` makes a model of an adapter)"
    case .needsFactors(let operation):
      "operator \(operation.rawValue) needs LoRA's factors, and whole models have none: use add, which is "
        + "exact for them"
    case .noBase(let operation):
      "operator \(operation.rawValue) drops entries of what training changed in a model: give the model that all were "
        + "trained from with --model"
    case .weightsNeedBase(let total):
      "the weights of the models sum to \(total), not to 1: give the model that all were trained from with --model"
    case .differentModels(let key, let difference):
      "the models differ in \(key): \(difference.text); only models trained from one base can be combined"
    case .differentTensors(let name, let tensors, let other):
      "the models have different tensors: \(name) lacks \(tensors.count) that \(other) has, such as "
        + "\(tensors.first ?? ""); only models trained from one base can be combined"
    case .differentShapes(let tensor, let difference):
      "the models have different shapes: at \(tensor) \(difference.text); only models trained from one base can be "
        + "combined"
    case .differentHeads(let tensor, let difference):
      "\(tensor): \(difference.text), so the models' heads cannot be averaged; leave them out with --without-heads"
    case .headsHaveNoMean(let tensor):
      "\(tensor): the weights of the models that hold it have different signs, so that it has no mean; "
        + "leave heads out with --without-heads"
    case .tooLarge(let tensor, let dataType):
      "\(tensor): the result is too large for \(dataType), or a model's numbers are not finite; use smaller weights"
    }
  }
}
