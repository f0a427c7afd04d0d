/// Why adapters cannot be combined.
public enum ArithmeticError: Error, CustomStringConvertible, Equatable {
  /// What two adapters differ in: a key and its values.
  public struct Difference: Sendable, Equatable {
    public let first, second: String
    public let firstValue, secondValue: String

    init(_ first: WeightedAdapter, _ firstValue: Any, _ second: WeightedAdapter, _ secondValue: Any) {
      self.init(first.name, firstValue, second.name, secondValue)
    }

    init(_ first: String, _ firstValue: Any, _ second: String, _ secondValue: Any) {
      (self.first, self.second) = (first, second)
      (self.firstValue, self.secondValue) = ("\(firstValue)", "\(secondValue)")
    }

    var text: String { "\(first) has \(firstValue), \(second) has \(secondValue)" }
  }

  case differentTypes(Difference)
  case differentBaseModels(Difference)
  case differentOptions(key: String, Difference)
  case differentMaps(name: String, lacks: [String], of: String)
  case differentRanks(ArithmeticOperator, path: String, Difference)
  case differentShapes(path: String, Difference)
  case differentWholeModules(tensor: String, Difference)
  case wholeModulesHaveNoMean(tensor: String)
  case differentHeads(task: String, Difference)
  case decomposed(name: String)
  case routedByTask(name: String, type: String)
  case notElementwise(ArithmeticOperator, name: String, type: String)
  case negatedExperts(name: String, type: String)
  case expertsNotAveraged(type: String, total: Double)
  case notForVectors(ArithmeticOperator, name: String)
  case noSingularValues(path: String)
  case tooLarge(path: String)

  public var description: String {
    switch self {
    case .differentTypes(let difference):
      "adapters of different types cannot be combined: \(difference.text); choose adapters of one peft_type"
    case .differentBaseModels(let difference):
      "the adapters belong to different base models: \(difference.text); if they are one model under two names, say so "
        + "with --base-model NAME"
    case .differentOptions(let key, let difference):
      "the adapters differ in \(key): \(difference.text); only adapters that agree in it can be combined"
    case .differentMaps(let name, let paths, let other):
      "the adapters have different target modules: \(name) lacks \(paths.count) that \(other) has, such as "
        + "\(paths.first ?? ""); only adapters of the same maps can be combined"
    case .differentRanks(let operation, let path, let difference):
      "operator \(operation.rawValue) needs equal ranks: at \(path) \(difference.text); use --operator cat (exact) or "
        + "svd"
    case .differentShapes(let path, let difference):
      "the adapters belong to models of different widths: at \(path) \(difference.text)"
    case .differentWholeModules(let tensor, let difference):
      "\(tensor): \(difference.text), so the modules trained whole cannot be averaged; leave them out with "
        + "--without-heads"
    case .wholeModulesHaveNoMean(let tensor):
      "\(tensor): the weights of the adapters that hold it have different signs, so that it has no mean; leave the "
        + "modules trained whole out with --without-heads"
    case .differentHeads(let task, let difference):
      "the classification heads of task \(task) differ in their labels: \(difference.text); leave the heads out with "
        + "--without-heads"
    case .decomposed(let name):
      "\(name) is a DoRA adapter, whose update depends on the base model's weights and is no low-rank product: it "
        + "cannot be combined; train without use_dora"
    case .routedByTask(let name, let type):
      "\(name) is routed by task (\(type)), so that it is a different LoRA for each task: write one task with `polyad "
        + "export` and combine that"
    case .notElementwise(let operation, let name, let type):
      "\(name) is routed by token (\(type)), so that no single product stands for it: operator "
        + "\(operation.rawValue) does not apply; add and linear combine such adapters element by element"
    case .negatedExperts(let name, let type):
      "\(name) is routed by token (\(type)): a weight below 0 on all of its tensors would not negate it; use weights "
        + "above 0"
    case .expertsNotAveraged(let type, let total):
      "the weights of token-routed adapters (\(type)) must sum to 1, not to \(total): they also scale the routers, so "
        + "that another sum would not scale the update"
    case .notForVectors(let operation, let name):
      "\(name) is an (IA)^3 adapter of vectors, which operator \(operation.rawValue) does not know; use add, negate, "
        + "analogy or linear"
    case .noSingularValues(let path):
      "the singular values at \(path) do not converge; are the adapters' numbers sound?"
    case .tooLarge(let path): "at \(path) the result is too large for 32-bit floats; use smaller weights"
    }
  }
}

/// What can be wrong with the wording of a request.
public enum ArithmeticRequestError: Error, CustomStringConvertible, Equatable {
  case adapterCount(ArithmeticOperator, expected: Int, found: Int)
  case weightCount(ArithmeticOperator, expected: Int, found: Int)
  case uselessOption(String, ArithmeticOperator, operators: [ArithmeticOperator])
  case noDensity(ArithmeticOperator)
  case densityOutOfRange(Double)
  case rankOutOfRange(Int)

  public var description: String {
    switch self {
    case .adapterCount(let operation, let expected, let found):
      let kinds = operation == .analogy ? " (a, b and c of c0 a + c1 (b - c))" : ""
      return "operator \(operation.rawValue) takes \(expected) adapter(s)\(kinds), not \(found): give --adapter "
        + "\(expected) time(s)"
    case .weightCount(let operation, let expected, let found):
      return "operator \(operation.rawValue) needs \(expected) weight(s) here, not \(found): give --weights "
        + Self.example(operation, expected)
    case .uselessOption(let option, let operation, let operators):
      return "\(option) is for \(operators.map(\.rawValue).joined(separator: ", ")) alone, not for "
        + "\(operation.rawValue): leave it out"
    case .noDensity(let operation):
      return "operator \(operation.rawValue) needs --density, the share of the entries that stay, such as 0.5"
    case .densityOutOfRange(let density): return "--density must be above 0 and at most 1, not \(density)"
    case .rankOutOfRange(let rank):
      return "--rank must be from \(AdapterKey.possibleCounts.lowerBound) to \(AdapterKey.possibleCounts.upperBound), "
        + "not \(rank)"
    }
  }

  private static func example(_ operation: ArithmeticOperator, _ count: Int) -> String {
    switch operation {
    case .negate: "λ, such as 0.7"
    case .analogy: "c0,c1, such as 0.8,0.2"
    default: "one an adapter, such as " + Array(repeating: "0.5", count: count).joined(separator: ",")
    }
  }
}
