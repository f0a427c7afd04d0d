extension Recipe {
  /// The recipe for its first few steps alone, each of them logged: without test sets, and with a checkpoint halfway and
  /// at the end. What it trains at each step is what the recipe trains, at the learning rates of so short a run.
  ///
  /// - Parameter steps: At least 2.
  public func rehearsal(steps: Int) -> Recipe {
    var recipe = self
    (recipe.maxSteps, recipe.saveSteps, recipe.loggingSteps, recipe.checkSteps) = (steps, steps / 2, 1, 1)
    (recipe.saveTotalLimit, recipe.evalSteps, recipe.evalOnStart) = (nil, nil, false)
    for task in recipe.tasks.indices {
      // A task that is only tested is one of those that an adapter knows.
      if recipe.tasks[task].train == nil {
        recipe.tasks[task].prompt.maxTestExamples = 1
      } else {
        recipe.tasks[task].test = nil
      }
    }
    return recipe
  }

  /// The first checkpoint of a ``rehearsal(steps:)``, from which it can be resumed.
  public static func rehearsedHalf(of steps: Int) -> Int { steps / 2 }
}
