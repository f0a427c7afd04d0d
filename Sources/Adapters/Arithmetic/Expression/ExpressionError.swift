/// What is wrong with an expression, and where.
public struct ExpressionError: Error, CustomStringConvertible, Equatable {
  public enum Fault: Sendable, Equatable {
    case empty
    case unexpected(Character)
    case endsTooSoon
    case notClosed
    case nestedTooDeeply
    case unreadableNumber(String)
    case unknownName(String, known: [String])
    case productOfAdapters
    case divisionByAdapter
    case divisionByZero
    case numberAmongAdapters
    case onlyNumbers
    case tooLarge
    case variableOutsideSearch(String)
    case noVariable

    /// Whether another value of λ may not have it.
    public var dependsOnVariable: Bool { [.divisionByZero, .tooLarge].contains(self) }
  }

  public let fault: Fault
  /// The whole text.
  public let expression: String
  /// The character at fault, counted from 0.
  public let offset: Int

  public init(_ fault: Fault, in expression: String, at offset: Int) {
    (self.fault, self.expression, self.offset) = (fault, expression, offset)
  }

  /// The fault, and below it the expression with a caret under the character.
  public var description: String {
    "\(summary):\n  \(expression)\n  \(String(repeating: " ", count: offset))^"
  }

  private var summary: String {
    switch fault {
    case .empty: "the expression is empty: write a sum of adapters, such as 0.6*a + 0.4*b"
    case .unexpected(let character): "the expression has an unexpected \"\(character)\""
    case .endsTooSoon: "the expression ends where a number, an adapter or a parenthesis should follow"
    case .notClosed: "this parenthesis is not closed"
    case .nestedTooDeeply: "more than \(ExpressionParser.deepestNesting) parentheses lie inside one another"
    case .unreadableNumber(let text): "\"\(text)\" is not a number"
    case .unknownName(let name, let known):
      "there is no adapter \"\(name)\": "
        + (known.isEmpty
          ? "give --adapter \(name)=DIR" : "give --adapter \(name)=DIR, or use \(known.joined(separator: ", "))")
    case .productOfAdapters: "adapters cannot be multiplied with each other; one factor must be a number"
    case .divisionByAdapter: "nothing can be divided by an adapter; divide by a number"
    case .divisionByZero: "this divides by 0"
    case .numberAmongAdapters: "a number cannot be added to adapters; multiply it with one"
    case .onlyNumbers: "the expression names no adapter; write a sum of adapters, such as 0.6*a + 0.4*b"
    case .tooLarge: "the weights here are too large"
    case .variableOutsideSearch(let name):
      "\(name) has no value here: write a number, or look for the best with --search and --recipe"
    case .noVariable:
      "nothing in the expression depends on λ, so that there is nothing to search: write λ or lambda for the number, "
        + "such as λ*a + (1-λ)*b"
    }
  }
}
