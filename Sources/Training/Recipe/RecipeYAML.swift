import JSON
import Yams

/// Writes a recipe's nodes as YAML: sections as blocks, lists of scalars on one line.
enum RecipeYAML {
  /// The lines of a mapping, each indented by `indent` spaces.
  static func block(_ mapping: Node.Mapping, indent: Int = 0) -> [String] {
    let margin = String(repeating: " ", count: indent)
    return mapping.flatMap { key, value -> [String] in
      let name = margin + line(key) + ":"
      if let section = value.mapping, !section.isEmpty {
        return [name] + block(section, indent: indent + 2)
      }
      if let list = value.sequence, let first = list.first, first.mapping != nil {
        return [name] + list.flatMap { item(block($0.mapping ?? [:], indent: indent + 4), indent: indent + 2) }
      }
      return ["\(name) \(line(value))"]
    }
  }

  /// The node on one line.
  static func line(_ node: Node) -> String {
    switch node {
    case .scalar(let scalar):
      switch RecipeScalar(scalar) {
      case .text(let text): isPlain(text) ? text : JSONText.quoted(text)
      default: scalar.string.isEmpty ? "null" : scalar.string
      }
    case .sequence(let sequence): "[\(sequence.map(line).joined(separator: ", "))]"
    case .mapping(let mapping): "{\(mapping.map { "\(line($0)): \(line($1))" }.joined(separator: ", "))}"
    case .alias: "null"
    }
  }

  /// The lines of a mapping as an item of a list: a dash in front of the first.
  private static func item(_ lines: [String], indent: Int) -> [String] {
    guard let first = lines.first else { return [String(repeating: " ", count: indent) + "- {}"] }
    return [String(repeating: " ", count: indent) + "- " + first.dropFirst(indent + 2)] + lines.dropFirst()
  }

  /// Whether the text means itself without quotes, everywhere in YAML.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, case .text = RecipeScalar(plain: text) else { return false }
    let letters = ("a"..."z")
    let capitals = ("A"..."Z")
    let digits = ("0"..."9")
    func isWord(_ scalar: Unicode.Scalar) -> Bool {
      letters.contains(String(scalar)) || capitals.contains(String(scalar)) || "_/.".unicodeScalars.contains(scalar)
    }
    return isWord(first)
      && text.unicodeScalars.allSatisfy {
        isWord($0) || digits.contains(String($0)) || $0 == "-"
      }
  }
}

extension Recipe {
  /// The recipe with every default filled in, as `recipe.yaml` of the run folder holds it. Parsing it gives an equal
  /// recipe, from any folder, since its paths are absolute.
  public func resolvedYAML() -> String {
    let lines = ["# This run's recipe, with every default filled in."] + RecipeYAML.block(node.mapping ?? [:])
    return lines.joined(separator: "\n") + "\n"
  }
}
