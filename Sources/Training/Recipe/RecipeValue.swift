import Yams

/// A value that a recipe key can hold: read from a YAML node, and written back as one.
protocol RecipeValue {
  /// Reads the value of the key at `location`, which is not null.
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Self
  /// The value as YAML; reading it again gives an equal value.
  var node: Node { get }
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
