import Foundation
import Yams

/// A value that a recipe key can hold: read from a YAML node, and written back as one.
protocol RecipeValue {
  /// Reads the value of the key at `location`, which is not null.
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Self
  /// The value as YAML; reading it again gives an equal value.
  var node: Node { get }
}

/// A key's full name and its place in the file.
struct RecipeLocation {
  /// Where relative paths start from: the folder of the recipe that states the key.
  let folder: URL
  /// The dotted path, such as `tasks.0.name`; empty for the recipe itself.
  let key: String
  /// Where the key is stated.
  let place: RecipePlace
  /// The name of the base that states the key; nil: the recipe itself does.
  var file: String?
  /// The files of bases by the keys of the recipe that they state; empty below the recipe itself.
  var origins: [String: URL] = [:]
  /// Where relative paths of the command line start from, if a base states the key; nil: from ``folder``.
  var overrideFolder: URL?

  /// The location of `node` under `name`. Nodes without a mark come from the command line.
  func child(_ name: String, _ node: Node) -> RecipeLocation {
    let base = origins[name]
    let file = base?.lastPathComponent ?? file
    guard let mark = node.mark else {
      return RecipeLocation(folder: overrideFolder ?? folder, key: path(name), place: .override, file: file)
    }
    return RecipeLocation(
      folder: base?.deletingLastPathComponent() ?? folder, key: path(name), place: .line(mark.line, of: file),
      file: file, overrideFolder: base == nil ? overrideFolder : folder)
  }

  /// The full name of the key `name` under this one.
  func path(_ name: String) -> String { key.isEmpty ? name : "\(key).\(name)" }

  func wrongType(_ node: Node, expected: String) -> RecipeError {
    .wrongType(key: key, place, found: node.spokenKind, expected: expected)
  }
}

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

extension String: RecipeValue {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> String {
    guard let scalar = node.scalar, case .text(let text) = RecipeScalar(scalar) else {
      throw location.wrongType(node, expected: "text (in quotes if it looks like a number or truth value)")
    }
    return text
  }

  var node: Node { Node(self, .implicit, .doubleQuoted) }
}

extension Int: RecipeValue {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Int {
    guard let scalar = node.scalar, case .int(let number) = RecipeScalar(scalar) else {
      throw location.wrongType(node, expected: "a whole number")
    }
    return number
  }

  var node: Node { Node(String(self), .implicit, .plain) }
}

extension Double: RecipeValue {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Double {
    switch node.scalar.map(RecipeScalar.init) {
    case .int(let number): return Double(number)
    case .float(let number): return number
    default: throw location.wrongType(node, expected: "a number")
    }
  }

  var node: Node { Node(description, .implicit, .plain) }
}

extension Bool: RecipeValue {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Bool {
    guard let scalar = node.scalar, case .bool(let value) = RecipeScalar(scalar) else {
      throw location.wrongType(node, expected: "true or false")
    }
    return value
  }

  var node: Node { Node(description, .implicit, .plain) }
}

extension Array: RecipeValue where Element: RecipeValue {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> [Element] {
    guard let sequence = node.sequence else { throw location.wrongType(node, expected: "a list") }
    var values: [Element] = []
    for (index, element) in sequence.enumerated() {
      values.append(try Element.read(element, at: location.child(String(index), element)))
    }
    return values
  }

  var node: Node { Node(map(\.node)) }
}

/// A word out of a fixed set.
protocol RecipeChoice: RecipeValue, RawRepresentable<String>, CaseIterable {}

extension RecipeChoice {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Self {
    let choices = allCases.map(\.rawValue)
    guard let word = node.scalar?.string else {
      throw location.wrongType(node, expected: "one of \(choices.joined(separator: ", "))")
    }
    guard let value = Self(rawValue: word) else {
      throw .unknownChoice(key: location.key, location.place, found: word, choices: choices)
    }
    return value
  }

  var node: Node { rawValue.node }
}
