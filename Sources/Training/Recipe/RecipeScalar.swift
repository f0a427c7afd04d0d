import Yams

/// A scalar as the core schema of YAML 1.2 reads it (section 10.3.2), decimal numbers only.
///
/// Unlike YAML 1.1, `1e-5` is a number, and `yes`, `no`, `on` and `off` are text.
enum RecipeScalar: Equatable {
  case null
  case bool(Bool)
  case int(Int)
  case float(Double)
  case text(String)

  init(_ scalar: Node.Scalar) {
    guard scalar.style == .plain || scalar.style == .any else {
      self = .text(scalar.string)
      return
    }
    self.init(plain: scalar.string)
  }

  /// The meaning of `text` written without quotes.
  init(plain text: String) {
    switch text {
    case "", "~", "null", "Null", "NULL": self = .null
    case "true", "True", "TRUE": self = .bool(true)
    case "false", "False", "FALSE": self = .bool(false)
    default:
      if let number = Int(text) {
        self = .int(number)
      } else if text.allSatisfy({ "0123456789+-.eE".contains($0) }), text.contains(where: \.isNumber),
        let number = Double(text), number.isFinite
      {
        self = .float(number)
      } else {
        self = .text(text)
      }
    }
  }
}

extension Node {
  /// What a recipe author would call this node.
  var spokenKind: String {
    switch self {
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    case .scalar(let scalar):
      switch RecipeScalar(scalar) {
      case .null: "null"
      case .bool: "the truth value \(scalar.string)"
      case .int, .float: "the number \(scalar.string)"
      case .text(let text): "the text \"\(text)\""
      }
    }
  }

  var isNull: Bool { scalar.map { RecipeScalar($0) == .null } ?? false }

  /// The node without marks, as the values of `--set` are kept.
  var unmarked: Node {
    switch self {
    case .scalar(let scalar): .scalar(.init(scalar.string, scalar.tag, scalar.style))
    case .sequence(let sequence): .sequence(.init(sequence.map(\.unmarked), sequence.tag, sequence.style))
    case .mapping(let mapping):
      .mapping(.init(mapping.map { ($0.key.unmarked, $0.value.unmarked) }, mapping.tag, mapping.style))
    case .alias: self
    }
  }
}
