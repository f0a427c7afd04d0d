/// A weighted sum of named adapters, read from a text such as `0.8*source_cls + 0.2*(target_lm - source_lm)`.
///
///     sum     = product { ("+" | "-") product }
///     product = factor { ("*" | "/") factor }
///     factor  = { "+" | "-" } ( number | name | variable | "(" sum ")" )
///
/// A name starts with a letter or `_`, and goes on with letters, digits, `_` and `.`. The variable, `λ` or `lambda`, is
/// a number that is looked for; elsewhere than in a search it is an error.
public struct AdapterExpression: Sendable, Equatable {
  /// An adapter and how often it counts.
  public struct Term: Sendable, Equatable {
    public let name: String
    public let weight: Double

    public init(name: String, weight: Double) { (self.name, self.weight) = (name, weight) }
  }

  /// The adapters in the order in which they come, each once; the weight is 0 where weights cancel.
  public let terms: [Term]

  /// What the variable may be called; no adapter's name.
  public static let variableNames = ["λ", "lambda"]

  /// - Parameters:
  ///   - names: The names that the text may use.
  ///   - variable: What λ stands for, which the text must then use; nil: it must not.
  /// - Throws: ``ExpressionError``.
  public init(_ text: String, names: [String], variable: Double? = nil) throws(ExpressionError) {
    var parser = ExpressionParser(text, names: names, variable: variable)
    terms = try parser.wholeSum().terms
  }
}

/// A number, or a weighted sum of adapters: what a part of an expression stands for.
struct LinearForm {
  private(set) var number = 0.0
  private(set) var terms: [AdapterExpression.Term] = []

  var isNumber: Bool { terms.isEmpty }

  init(number: Double) { self.number = number }

  init(name: String) { terms = [.init(name: name, weight: 1)] }

  /// This form, every weight multiplied.
  func scaled(by factor: Double) -> LinearForm {
    var result = LinearForm(number: number * factor)
    result.terms = terms.map { .init(name: $0.name, weight: $0.weight * factor) }
    return result
  }

  static func + (left: LinearForm, right: LinearForm) -> LinearForm {
    var result = left
    result.number += right.number
    for term in right.terms {
      if let place = result.terms.firstIndex(where: { $0.name == term.name }) {
        result.terms[place] = .init(name: term.name, weight: result.terms[place].weight + term.weight)
      } else {
        result.terms.append(term)
      }
    }
    return result
  }
}
