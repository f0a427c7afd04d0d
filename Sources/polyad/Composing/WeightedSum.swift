import Adapters
import JSON
import Training

/// What `compose` was asked for, as its reports repeat it.
struct WeightedSum {
  let operation: ArithmeticOperator
  /// With the signs that the operator gives the weights.
  let terms: [(name: String, weight: Double)]

  /// Such as `add: 0.6 mnli + 0.4 rte`.
  var text: String { "\(operation.rawValue): " + Self.text(terms) }

  /// Such as `0.6 mnli + 0.4 rte`.
  static func text(_ terms: [(name: String, weight: Double)]) -> String {
    terms.enumerated().map { place, term in
      let sign = place == 0 ? (term.weight < 0 ? "-" : "") : term.weight < 0 ? " - " : " + "
      return "\(sign)\(Formatting.number(abs(term.weight))) \(term.name)"
    }.joined()
  }

  /// Both, and the type of the result.
  func json(_ type: PEFTType) -> [JSONValue.Member] {
    [
      .init("operator", .string(operation.rawValue)), .init("peft_type", .string(type.rawValue)),
      .init("terms", .array(terms.map { ["adapter": .string($0.name), "weight": .double($0.weight)] })),
    ]
  }
}

extension RelativeErrors {
  /// The cells of a table.
  var cells: [String] { [Formatting.number(largest), Formatting.number(mean)] }
  var text: String { "largest \(Formatting.number(largest)), mean \(Formatting.number(mean))" }

  var json: [JSONValue.Member] {
    [.init("max_relative_error", .double(largest)), .init("mean_relative_error", .double(mean))]
  }
}
