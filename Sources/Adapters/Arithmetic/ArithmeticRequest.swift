/// An adapter of a sum, and how much it counts.
public struct WeightedAdapter: Sendable {
  /// What messages call it.
  public let name: String
  public let adapter: SavedAdapter
  /// With the sign that the operator gives it.
  public let weight: Double

  public init(name: String, adapter: SavedAdapter, weight: Double) {
    (self.name, self.adapter, self.weight) = (name, adapter, weight)
  }
}

/// What is to be made of which adapters.
public struct ArithmeticRequest: Sendable {
  public let operation: ArithmeticOperator
  /// At least one.
  public let terms: [WeightedAdapter]
  /// Adapters that an expression names and whose weights cancel: only the heads that they alone have come from them.
  public let idle: [WeightedAdapter]
  public var options = ArithmeticOptions()

  /// Whether there is nothing to add to, be it of weight 0.
  var isSingle: Bool { terms.count + idle.count == 1 }

  public init(
    _ operation: ArithmeticOperator, _ terms: [WeightedAdapter], idle: [WeightedAdapter] = [],
    options: ArithmeticOptions = .init()
  ) {
    precondition(!terms.isEmpty, "a sum of no adapters")
    (self.operation, self.terms, self.idle, self.options) = (operation, terms, idle, options)
  }

  /// What an expression asks for: adapters of weight 0 are idle, unless all are.
  public init(
    _ operation: ArithmeticOperator, expression terms: [WeightedAdapter], options: ArithmeticOptions = .init()
  ) {
    let counting = terms.filter { $0.weight != 0 }
    let isZero = counting.isEmpty
    self.init(
      operation, isZero ? terms : counting, idle: isZero ? [] : terms.filter { $0.weight == 0 }, options: options)
  }
}

/// The choices beside operator and weights; nil: not made.
public struct ArithmeticOptions: Sendable {
  /// The share of the entries that stay: above 0, at most 1.
  public var density: Double?
  public var majority: MajoritySign?
  /// The rank of `svd`'s result; nil: the largest of the inputs'.
  public var rank: Int?
  /// What decides the lots.
  public var seed: UInt64?
  /// Whether PEFT's results are wanted where they differ from what the operator says.
  public var isPEFTCompatible = false
  /// Whether modules that are trained whole, such as classification heads, are left out.
  public var leavesOutWholeModules = false
  /// The base model of all adapters, whatever their files say.
  public var baseModel: String?

  public init() {}

  /// Checks that what is chosen fits an operator.
  ///
  /// - Throws: ``ArithmeticRequestError``.
  public func validate(for operation: ArithmeticOperator) throws {
    func require(_ option: String, _ isGiven: Bool, _ fits: (ArithmeticOperator) -> Bool) throws {
      guard isGiven, !fits(operation) else { return }
      throw ArithmeticRequestError.uselessOption(
        option, operation, operators: ArithmeticOperator.allCases.filter(fits))
    }
    try require("--density", density != nil) { $0.prunes }
    try require("--majority", majority != nil) { $0.electsSigns }
    try require("--seed", seed != nil) { $0.isRandom }
    try require("--rank", rank != nil) { $0 == .svd }
    if operation.prunes {
      guard let density else { throw ArithmeticRequestError.noDensity(operation) }
      guard density > 0, density <= 1 else { throw ArithmeticRequestError.densityOutOfRange(density) }
    }
    if let rank, !AdapterKey.possibleCounts.contains(rank) { throw ArithmeticRequestError.rankOutOfRange(rank) }
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
