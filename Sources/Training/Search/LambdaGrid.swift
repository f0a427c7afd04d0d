import Foundation

/// The values of λ that a search tries, in ascending order.
public struct LambdaGrid: Sendable, Equatable {
  public static let largestCount = 1000

  public let values: [Double]

  /// Reads `FROM:TO:STEP`, whose values are FROM + i STEP up to TO, or a list such as `0,0.25,1`.
  ///
  /// Sums are decimal, so that 0:1:0.1 has 0.3 as a recipe or an expression would state it.
  ///
  /// - Throws: ``AdapterSearchError/badGrid(_:_:)``.
  public init(_ text: String) throws(AdapterSearchError) {
    func error(_ fault: AdapterSearchError.GridFault) -> AdapterSearchError { .badGrid(text, fault) }
    let isRange = text.contains(":")
    let parts = text.split(separator: isRange ? ":" : ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Self.number($0.trimmingCharacters(in: .whitespaces)) }
    guard numbers.count == parts.count, !isRange || numbers.count == 3 else { throw error(.unreadable) }
    if isRange {
      let (first, last, step) = (numbers[0], numbers[1], numbers[2])
      guard step > 0 else { throw error(.noStep) }
      guard first <= last else { throw error(.descends) }
      // A step such as 0.3333333333 must not miss TO by its rounding.
      let steps = Self.double((last - first) / step) + 1e-6
      guard steps < Double(Self.largestCount) else { throw error(.tooMany) }
      values = (0...Int(steps)).map { Self.double(min(first + Decimal($0) * step, last)) }
    } else {
      guard numbers.count <= Self.largestCount else { throw error(.tooMany) }
      values = numbers.map(Self.double).sorted()
      if let twice = zip(values, values.dropFirst()).first(where: { $0 == $1 }) { throw error(.repeats(twice.0)) }
    }
  }

  private static func number(_ text: String) -> Decimal? {
    guard text.wholeMatch(of: /[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?/) != nil,
      let value = Decimal(string: text, locale: Locale(identifier: "en_US_POSIX")), value.isFinite
    else { return nil }
    return value
  }

  /// By way of the digits: Foundation's own conversion does not give the nearest number.
  private static func double(_ value: Decimal) -> Double { Double("\(value)") ?? .nan }
}
