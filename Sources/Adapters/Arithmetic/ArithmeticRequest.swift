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
