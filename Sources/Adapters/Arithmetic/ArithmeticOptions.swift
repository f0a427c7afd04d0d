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
