import ArgumentParser
import Foundation
import Training

/// What `compose --search` takes beside what `compose` does.
struct SearchOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "An expression with λ (or lambda): find the best, such as \"λ*a + (1-λ)*b\".")
  var search: String?
  @Option(parsing: .unconditional, help: "The values of λ: FROM:TO:STEP, or a list with commas. Default: 0:1:0.1.")
  var grid: String?
  @Option(help: "The recipe that names model and test files.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String?
  @Option(name: .customLong("set"), help: "Override a key of the recipe. May be repeated.")
  var overrides: [String] = []
  @Option(help: "What is best in the mean over tasks, such as rougeL or perplexity. Default: each task's first metric.")
  var metric: String?
  @Flag(help: "Search though the hosts' processors or kernels differ; scores then depend on who gives them.")
  var allowMixedProcessors = false

  /// Checks that a search has what it needs, and that nothing is given that only a search reads.
  ///
  /// - Parameter expression: The expression that `compose` takes without a search.
  func validate(besides expression: String?) throws {
    if search != nil {
      guard expression == nil else {
        throw ValidationError("--search has the expression; leave \"\(expression ?? "")\" out")
      }
      guard recipe != nil else {
        throw ValidationError("--search needs --recipe FILE, the recipe whose test files decide")
      }
    } else {
      let given = [
        ("--grid", grid != nil), ("--recipe", recipe != nil), ("--set", !overrides.isEmpty),
        ("--metric", metric != nil), ("--allow-mixed-processors", allowMixedProcessors),
      ]
      if let option = given.first(where: \.1)?.0 {
        throw ValidationError("\(option) is for --search alone: leave it out, or give --search \"λ*a + (1-λ)*b\"")
      }
    }
  }

  /// The recipe, which has a test file.
  ///
  /// - Throws: `RecipeError` or `CommandError.noTestSet(recipe:)`.
  func loadRecipe() throws -> Recipe {
    let recipe = recipe ?? "", loaded = try Recipe.load(URL(filePath: recipe), overrides: overrides)
    guard loaded.tasks.contains(where: { $0.test != nil }) else { throw CommandError.noTestSet(recipe: recipe) }
    return loaded
  }
}
