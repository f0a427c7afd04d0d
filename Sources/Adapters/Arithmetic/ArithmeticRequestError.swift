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
