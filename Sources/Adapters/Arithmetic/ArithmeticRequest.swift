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
    // The others do with a single adapter as PEFT's, if with nothing else.
    try require("--peft-compatible", isPEFTCompatible) { !$0.isPapers }
    if operation.prunes {
      guard let density else { throw ArithmeticRequestError.noDensity(operation) }
      guard density > 0, density <= 1 else { throw ArithmeticRequestError.densityOutOfRange(density) }
    }
    if let rank, !AdapterKey.possibleCounts.contains(rank) { throw ArithmeticRequestError.rankOutOfRange(rank) }
  }
}
