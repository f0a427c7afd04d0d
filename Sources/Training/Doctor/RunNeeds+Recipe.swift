extension RunNeeds {
  /// What a recipe's run takes at most, known before anything is loaded.
  ///
  /// - Parameter ranks: Of all hosts together.
  /// - Throws: An error of the model's folder, or of the adapter.
  public init(_ recipe: Recipe, ranks: Int, threads: Int) throws {
    let plan = try MemoryPlan(recipe, ranks: ranks, threads: threads)
    self.init(
      hostBytes: plan.weightBytes, rankBytes: plan.rankBytes, sharedHostBytes: plan.windowBytes,
      gradientBytes: plan.gradientBytes, diskBytes: plan.checkpointBytes * Self.checkpoints(recipe),
      microBatches: recipe.microBatches)
  }

  /// Checkpoints that are on the disk together, a new one beside those that are kept; where nothing limits them and the
  /// steps are not stated, two at least.
  private static func checkpoints(_ recipe: Recipe) -> Int {
    let written = recipe.maxSteps.map { steps in 1 + (recipe.saveSteps.map { steps / max($0, 1) } ?? 0) } ?? 2
    return min(recipe.saveTotalLimit.map { $0 + 1 } ?? .max, written)
  }
}
