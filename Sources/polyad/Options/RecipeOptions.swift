import ArgumentParser
import Foundation
import Training

/// The recipe file and its overrides, as several verbs take them.
struct RecipeOptions: ParsableArguments {
  @Argument(help: "The recipe, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String
  @Option(name: .customLong("set"), help: "Override a key: --set adapter.r=4. May be repeated.")
  var overrides: [String] = []

  func load() throws -> Recipe { try Recipe.load(URL(filePath: recipe), overrides: overrides) }
}
