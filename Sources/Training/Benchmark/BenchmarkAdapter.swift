import Adapters
import Yams

extension Recipe {
  /// An adapter to measure: a method with the defaults of its other keys, and such an r that a token meets an update of
  /// `activeRank`.
  ///
  /// - Parameters:
  ///   - peftType: The method's name.
  ///   - overrides: `key=value` texts for keys of a recipe's adapter section.
  ///   - taskCount: Tasks of a method that is routed by them.
  /// - Throws: ``RecipeError`` for an unknown method, or keys and values that no recipe may have.
  public static func benchmarkAdapter(
    peftType: String, overrides: [String], activeRank: Int, taskCount: Int
  ) throws(RecipeError) -> AdapterConfiguration {
    var node = Node([("peft_type".node, peftType.node)])
    try RecipeOverride.apply(overrides, to: &node)
    let location = RecipeLocation(folder: .currentDirectory(), key: "", place: .override)
    var configuration = try Recipe.Adapter.read(node, at: location).configuration
    configuration.taskCount = taskCount
    let isRankStated = node.mapping?.contains { $0.key.scalar?.string == "r" } ?? false
    guard !isRankStated else { return configuration }
    configuration.adapterRank = 1
    let unit = configuration.activeRank ?? activeRank
    guard activeRank % unit == 0 else {
      throw .outOfRange(
        key: "r", .override, found: String(activeRank), requirement: "a multiple of \(unit), which r 1 comes to")
    }
    configuration.adapterRank = activeRank / unit
    return configuration
  }
}
