import Testing

@testable import Adapters

/// The language of sums of adapters.
struct AdapterExpressionTests {
  private static let names = ["a", "b", "c", "mnli", "source_cls", "target_lm", "source_lm", "toxic", "e5", "λ_1.x"]

  private static let sums: [(String, [(String, Double)])] = [
    ("0.6*mnli + 0.4*a", [("mnli", 0.6), ("a", 0.4)]),
    ("-0.7*toxic", [("toxic", -0.7)]),
    ("0.8*source_cls + 0.2*(target_lm - source_lm)", [("source_cls", 0.8), ("target_lm", 0.2), ("source_lm", -0.2)]),
    ("a", [("a", 1)]),
    ("a+b", [("a", 1), ("b", 1)]),
    ("a - b - c", [("a", 1), ("b", -1), ("c", -1)]),
    ("a - (b - c)", [("a", 1), ("b", -1), ("c", 1)]),
    ("--a", [("a", 1)]),
    ("-(a + -b)", [("a", -1), ("b", 1)]),
    ("(1 - 0.25)*a", [("a", 0.75)]),
    ("a*2*3 + b/4", [("a", 6), ("b", 0.25)]),
    ("(a + b)/2", [("a", 0.5), ("b", 0.5)]),
    ("2*(a + 3*(b - a))", [("a", -4), ("b", 6)]),
    ("a - a", [("a", 0)]),
    ("a - a + b", [("a", 0), ("b", 1)]),
    ("a - a + b - b", [("a", 0), ("b", 0)]),
    ("1e-1*a + .5 * b + 2.*c", [("a", 0.1), ("b", 0.5), ("c", 2)]),
    ("5E+1*e5", [("e5", 50)]),
    (" \t(  ( a ) )\n", [("a", 1)]),
    ("λ_1.x/2", [("λ_1.x", 0.5)]),
    ("\u{2212}a \u{2212} 1e\u{2212}1*b", [("a", -1), ("b", -0.1)]),
  ]

  @Test(arguments: sums.indices) func anExpressionIsAWeightedSum(index: Int) throws {
    let (text, expected) = Self.sums[index]
    let terms = try AdapterExpression(text, names: Self.names).terms
    #expect(terms.map(\.name) == expected.map(\.0))
    for (term, value) in zip(terms, expected.map(\.1)) { #expect(abs(term.weight - value) < 1e-12) }
  }

  private static let searches: [(String, Double, [(String, Double)])] = [
    ("λ*a + (1-λ)*b", 0.25, [("a", 0.25), ("b", 0.75)]),
    ("lambda*a - lambda/2*(b-c)", 0.5, [("a", 0.5), ("b", -0.25), ("c", 0.25)]),
    ("-λ*a", -2, [("a", 2)]),
    ("λ*a + (1-λ)*b", 0, [("a", 0), ("b", 1)]),
    ("λ*a + (1-λ)*b", 1, [("a", 1), ("b", 0)]),
    ("λ*(a + b)", 0, [("a", 0), ("b", 0)]),
    ("λ_1.x + λ*a", 3, [("λ_1.x", 1), ("a", 3)]),
  ]

  @Test(arguments: searches.indices) func theVariableIsANumber(index: Int) throws {
    let (text, variable, expected) = Self.searches[index]
    let terms = try AdapterExpression(text, names: Self.names, variable: variable).terms
    #expect(terms.map(\.name) == expected.map(\.0))
    for (term, value) in zip(terms, expected.map(\.1)) { #expect(abs(term.weight - value) < 1e-12) }
  }

  private static let searchFaults: [(String, Double?, ExpressionError.Fault, offset: Int)] = [
    ("a + λ*b", nil, .variableOutsideSearch("λ"), 4), ("lambda*a", nil, .variableOutsideSearch("lambda"), 0),
    (" a + b", 1, .noVariable, 0), ("b + a/λ", 0, .divisionByZero, 6), ("λ", 1, .onlyNumbers, 0),
    ("a + λ", 1, .numberAmongAdapters, 4), ("λ a", 1, .unexpected("a"), 2),
  ]

  @Test(arguments: searchFaults.indices) func theVariableBelongsInASearch(index: Int) {
    let (text, variable, fault, offset) = Self.searchFaults[index]
    let error = #expect(throws: ExpressionError.self) {
      try AdapterExpression(text, names: Self.names, variable: variable)
    }
    #expect(error?.fault == fault && error?.offset == offset, "\(text)")
  }

  private static let faults: [(String, ExpressionError.Fault, offset: Int)] = [
    ("", .empty, 0), ("   ", .empty, 0), ("a +", .endsTooSoon, 3), ("a b", .unexpected("b"), 2),
    ("2a", .unexpected("a"), 1), ("a + * b", .unexpected("*"), 4), ("(a + b", .notClosed, 0),
    ("a)", .unexpected(")"), 1), ("(a b)", .unexpected("b"), 3), ("a % b", .unexpected("%"), 2),
    ("0.5*x", .unknownName("x", known: names), 4), ("1.2.3*a", .unreadableNumber("1.2.3"), 0),
    ("1e*a", .unreadableNumber("1e"), 0), (".*a", .unreadableNumber("."), 0), ("a*b", .productOfAdapters, 2),
    ("2/a", .divisionByAdapter, 2), ("a/0", .divisionByZero, 2), ("a + 1", .numberAmongAdapters, 4),
    ("1 + a", .numberAmongAdapters, 0), ("1 + 2", .onlyNumbers, 0), ("1e308*10*a", .tooLarge, 6),
    ("1e999*a", .tooLarge, 0), ("()", .unexpected(")"), 1), ("a/(1-1)", .divisionByZero, 2),
  ]

  @Test(arguments: faults.indices) func aFaultIsFoundAtItsCharacter(index: Int) {
    let (text, fault, offset) = Self.faults[index]
    let error = #expect(throws: ExpressionError.self) { try AdapterExpression(text, names: Self.names) }
    #expect(error?.fault == fault, "\(text)")
    #expect(error?.offset == offset, "\(text)")
  }

  @Test func parenthesesNestOnlySoDeep() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "(", count: depth) + "a" + String(repeating: ")", count: depth)
    }
    #expect(try AdapterExpression(nested(200), names: ["a"]).terms.count == 1)
    let error = #expect(throws: ExpressionError.self) { try AdapterExpression(nested(100_000), names: ["a"]) }
    #expect(error?.fault == .nestedTooDeeply && error?.offset == 200)
  }

  @Test func theTextPointsAtTheCharacter() {
    let error = ExpressionError(.unknownName("rte", known: ["mnli", "sst2"]), in: "0.6*mnli + 0.4*rte", at: 15)
    #expect(
      error.description == """
        there is no adapter "rte": give --adapter rte=DIR, or use mnli, sst2:
          0.6*mnli + 0.4*rte
                         ^
        """)
  }

  private static let summaries: [(ExpressionError.Fault, String)] = [
    (.empty, "the expression is empty: write a sum of adapters, such as 0.6*a + 0.4*b"),
    (.unexpected("%"), "the expression has an unexpected \"%\""),
    (.endsTooSoon, "the expression ends where a number, an adapter or a parenthesis should follow"),
    (.notClosed, "this parenthesis is not closed"),
    (.nestedTooDeeply, "more than 200 parentheses lie inside one another"),
    (.unreadableNumber("1.2.3"), "\"1.2.3\" is not a number"),
    (.unknownName("x", known: []), "there is no adapter \"x\": give --adapter x=DIR"),
    (.productOfAdapters, "adapters cannot be multiplied with each other; one factor must be a number"),
    (.divisionByAdapter, "nothing can be divided by an adapter; divide by a number"),
    (.divisionByZero, "this divides by 0"),
    (.numberAmongAdapters, "a number cannot be added to adapters; multiply it with one"),
    (.onlyNumbers, "the expression names no adapter; write a sum of adapters, such as 0.6*a + 0.4*b"),
    (.tooLarge, "the weights here are too large"),
    (
      .variableOutsideSearch("λ"),
      "λ has no value here: write a number, or look for the best with --search and --recipe"
    ),
    (
      .noVariable,
      "nothing in the expression depends on λ, so that there is nothing to search: write λ or lambda for the number, "
        + "such as λ*a + (1-λ)*b"
    ),
  ]

  @Test(arguments: summaries.indices) func everyFaultHasItsText(index: Int) {
    let (fault, text) = Self.summaries[index]
    #expect(ExpressionError(fault, in: "%", at: 0).description == text + ":\n  %\n  ^")
  }
}
