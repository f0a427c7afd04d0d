import Yams

/// The `--set key=value` options: changes of a recipe's nodes before they are read.
enum RecipeOverride {
  /// Keys that win over others, as in Hugging Face's Trainer. An override of the weaker one clears the stronger one of
  /// the file, and a recipe that states the weaker one that of its base, so that it has an effect.
  static let winners = ["num_train_epochs": "max_steps", "warmup_ratio": "warmup_steps"]

  /// Applies `overrides` to `root` in order.
  static func apply(_ overrides: [String], to root: inout Node) throws(RecipeError) {
    for text in overrides {
      guard let split = text.firstIndex(of: "="), split > text.startIndex else {
        throw .badOverride(text, reason: "expected key=value, such as learning_rate=1e-4 or adapter.r=4")
      }
      let key = String(text[..<split])
      let value = try node(String(text[text.index(after: split)...]), in: text)
      guard key.split(separator: ".").first.map(String.init) != RecipeNodes.baseKey else {
        throw .badOverride(text, reason: "only a recipe file can name its base; copy it and change `base` there")
      }
      if let winner = winners[key] { try set([winner], to: null, in: &root, override: text) }
      let path = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      try set(path[...], to: value, in: &root, override: text)
    }
  }

  private static var null: Node { Node("null", .implicit, .plain) }

  private static func node(_ yaml: String, in override: String) throws(RecipeError) -> Node {
    do {
      return try Yams.compose(yaml: yaml, .default, .default, .utf8)?.unmarked ?? null
    } catch {
      throw .badOverride(override, reason: "the value is not valid YAML; quote text with special characters")
    }
  }

  /// Sets the value at a path of keys and list positions, adding mappings where there are none.
  private static func set(
    _ path: ArraySlice<String>, to value: Node, in node: inout Node, override: String
  ) throws(RecipeError) {
    guard let key = path.first else {
      node = value
      return
    }
    switch node {
    case .sequence(var sequence):
      guard let index = Int(key), sequence.indices.contains(index) else {
        throw .badOverride(override, reason: "`\(key)` is no position in a list of \(sequence.count), counted from 0")
      }
      try set(path.dropFirst(), to: value, in: &sequence[index], override: override)
      node = .sequence(sequence)
    case .mapping(let mapping):
      var pairs = mapping.map { ($0.key, $0.value) }
      // The key is replaced too, so that errors name the option and not the file's line.
      let index = pairs.firstIndex { $0.0.scalar?.string == key } ?? pairs.count
      var child = index < pairs.count ? pairs[index].1 : null
      try set(path.dropFirst(), to: value, in: &child, override: override)
      let pair = (path.count == 1 || index == pairs.count ? Node(key) : pairs[index].0, child)
      pairs.replaceSubrange(index..<min(index + 1, pairs.count), with: [pair])
      node = .mapping(.init(pairs, mapping.tag, mapping.style, mapping.mark))
    case .scalar where node.isNull:
      node = .mapping(.init([]))
      try set(path, to: value, in: &node, override: override)
    default:
      throw .badOverride(override, reason: "`\(key)` has nothing to belong to: the key before it holds a single value")
    }
  }
}
