/// A number of parameters that remembers how it came about: `(A + T B) r (P + Q)` beside its value.
public struct ParameterFormula: Sendable, Equatable {
  /// A letter of the formula and what it stands for.
  public struct Symbol: Sendable, Hashable {
    public let name: String
    public let value: Int
  }

  /// Products without a sign, as papers write them.
  public let text: String
  public let value: Int
  /// The letters in the order in which they come.
  public let symbols: [Symbol]
  private let isSum: Bool

  /// A letter.
  public init(_ symbol: String, _ value: Int) {
    self.init(text: symbol, value: value, symbols: [Symbol(name: symbol, value: value)], isSum: false)
  }

  private init(text: String, value: Int, symbols: [Symbol], isSum: Bool) {
    (self.text, self.value, self.symbols, self.isSum) = (text, value, symbols, isSum)
  }

  public static func + (left: Self, right: Self) -> Self {
    // A file may claim any numbers: what cannot be counted is at least no crash.
    let (sum, overflows) = left.value.addingReportingOverflow(right.value)
    return Self(
      text: "\(left.text) + \(right.text)", value: overflows ? .max : sum, symbols: joined(left, right), isSum: true)
  }

  public static func * (left: Self, right: Self) -> Self {
    let (product, overflows) = left.value.multipliedReportingOverflow(by: right.value)
    return Self(
      text: "\(left.factor) \(right.factor)", value: overflows ? .max : product, symbols: joined(left, right),
      isSum: false)
  }

  public static func / (left: Self, right: Self) -> Self {
    Self(
      text: "(\(left.factor) / \(right.factor))", value: left.value / right.value, symbols: joined(left, right),
      isSum: false)
  }

  private var factor: String { isSum ? "(\(text))" : text }

  private static func joined(_ left: Self, _ right: Self) -> [Symbol] {
    left.symbols + right.symbols.filter { !left.symbols.contains($0) }
  }
}
