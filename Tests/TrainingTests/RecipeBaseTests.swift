import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct RecipeBaseTests {
  private func write(_ files: [String: String], to folder: URL) throws {
    for (name, text) in files {
      try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }
  }

  /// Reads `main.yaml` out of a folder of recipes.
  private func load(_ files: [String: String], overrides: String...) throws -> Recipe {
    try withTemporaryFolder { folder in
      try write(files, to: folder)
      return try Recipe.load(
        folder.appending(path: "main.yaml"), overrides: overrides, workingDirectory: URL(filePath: "/home/user"))
    }
  }

  /// The text of the error that `main.yaml` causes, with the folder's path cut out; nil if it causes none.
  private func fault(_ files: [String: String], _ overrides: String...) throws -> String? {
    try withTemporaryFolder { folder -> String? in
      try write(files, to: folder)
      do {
        _ = try Recipe.load(folder.appending(path: "main.yaml"), overrides: overrides)
        return nil
      } catch let error as RecipeError {
        return error.description.replacing(folder.path, with: "FOLDER")
      }
    }
  }

  @Test func keysOfTheBaseCountWhereTheRecipeStatesNone() throws {
    let recipe = try load([
      "main.yaml": "base: other.yaml\nseed: 7\nadapter: {peft_type: MODE}",
      "other.yaml": smallRecipe("seed: 1\nmax_steps: 5", adapter: "{peft_type: LORA, use_dora: true, r: 2}"),
    ])
    #expect(recipe.seed == 7)
    #expect(recipe.maxSteps == 5)
    #expect(recipe.tasks.map(\.name) == ["copy"])
    // The section is replaced whole: nothing of LORA's is left.
    #expect(recipe.adapter.configuration.peftType == .moDE)
    #expect(recipe.adapter.configuration.adapterRank == 8)
  }

  @Test func pathsStartFromTheSameFolder() throws {
    let files = ["main.yaml": "base: other.yaml", "other.yaml": smallRecipe()]
    let train = try #require(try load(files).tasks[0].train)
    #expect(train.lastPathComponent == "copy.jsonl")
    #expect(train.path.hasPrefix("/") && !train.path.hasPrefix("/home/user"))
  }

  @Test func aBaseMayHaveABase() throws {
    let recipe = try load([
      "main.yaml": "seed: 7\nbase: second.yaml",
      "second.yaml": "base: third.yaml\nseed: 6\nmax_steps: 6",
      "third.yaml": smallRecipe("seed: 5\nmax_steps: 5\nlearning_rate: 5"),
    ])
    #expect(recipe.seed == 7 && recipe.maxSteps == 6 && recipe.learningRate == 5)
  }

  @Test func nullTakesTheBasesValueAway() throws {
    let files = ["main.yaml": "base: other.yaml\nmax_steps: null", "other.yaml": smallRecipe("max_steps: 5")]
    #expect(try load(files).maxSteps == nil)
    #expect(try load(["main.yaml": smallRecipe("base: null")]).seed == 42)
  }

  @Test func aStatedKeyAlsoReplacesTheBasesKeyThatWouldWinOverIt() throws {
    let recipe = try load([
      "main.yaml": "base: other.yaml\nnum_train_epochs: 2\nwarmup_ratio: 0.5",
      "other.yaml": smallRecipe("max_steps: 5\nwarmup_steps: 3"),
    ])
    #expect(recipe.maxSteps == nil && recipe.warmupSteps == 0)
  }

  @Test func overridesApplyToTheJoinedRecipe() throws {
    let other = smallRecipe(adapter: "{peft_type: LORA, r: 2}")
    let files = ["main.yaml": "base: other.yaml\nseed: 7", "other.yaml": other]
    let recipe = try load(files, overrides: "seed=8", "adapter.r=4", "tasks.0.name=first")
    #expect(recipe.seed == 8)
    #expect(recipe.adapter.configuration.adapterRank == 4)
    #expect(recipe.tasks[0].name == "first")
    #expect(
      try fault(files, "base=third.yaml")
        == "--set base=third.yaml: only a recipe file can name its base; copy it and change `base` there")
  }

  @Test func theResolvedRecipeStandsAlone() throws {
    let recipe = try load(["main.yaml": "base: other.yaml\nseed: 7", "other.yaml": smallRecipe()])
    #expect(!recipe.resolvedYAML().contains("base:"))
    #expect(try parse(recipe.resolvedYAML()) == recipe)
  }

  @Test func faultsInABaseAreNamedWithItsFile() throws {
    let main = "base: other.yaml\nseed: 7"
    func fault(_ other: String) throws -> String? { try self.fault(["main.yaml": main, "other.yaml": other]) }
    #expect(
      try fault(smallRecipe("lerning_rate: 1"))
        == "unknown key `lerning_rate` (line 8 of other.yaml); did you mean `learning_rate`?")
    #expect(
      try fault(smallRecipe(adapter: "{peft_type: LORA, r: 0}"))
        == "`adapter.r` is 0 (line 3 of other.yaml); it must be from 1 to 65536")
    #expect(
      try fault(smallRecipe("mixing: {strategy: temperature}"))
        == "missing key `mixing.temperature` (line 8 of other.yaml); it has no default")
    #expect(try fault(smallRecipe("a: 1\na: 2")) == "key `a` is given twice (line 8 of other.yaml); keep one")
    #expect(
      try fault(smallRecipe("a: b: c"))?.hasPrefix("the recipe is not valid YAML (line 8 of other.yaml): ") == true)
    #expect(
      try fault("- a") == "FOLDER/other.yaml is no recipe: expected keys with values, such as `seed: 0`")
    // What the recipe itself states keeps its own line.
    #expect(
      try self.fault(["main.yaml": "base: other.yaml\nseed: -7", "other.yaml": smallRecipe("seed: 1")])
        == "`seed` is -7 (line 2); it must be 0 or above")
  }

  @Test func aBaseThatCannotBeReadIsNamedWithItsPlace() throws {
    #expect(
      try fault(["main.yaml": "seed: 1\nbase: other.yaml"])
        == "cannot read the recipe FOLDER/other.yaml: no such file; `base` names it (line 2)")
    #expect(
      try fault(["main.yaml": "base: other.yaml", "other.yaml": "base: third.yaml"])
        == "cannot read the recipe FOLDER/third.yaml: no such file; `base` names it (line 1 of other.yaml)")
  }

  /// Files `recipes/other.yaml`, with a file `recipes/model` beside it, and `recipes/variants/main.yaml`, which is read.
  private func loadVariant(
    _ main: String, of other: String, named base: String = "../other.yaml", overrides: [String] = [], in folder: URL
  ) throws -> Recipe {
    let recipes = folder.appending(path: "recipes"), variants = recipes.appending(path: "variants")
    try FileManager.default.createDirectory(at: variants, withIntermediateDirectories: true)
    try write(["other.yaml": other, "model": ""], to: recipes)
    try write(["main.yaml": "base: \(base)\n\(main)"], to: variants)
    return try Recipe.load(variants.appending(path: "main.yaml"), overrides: overrides)
  }

  @Test func pathsOfABaseInAnotherFolderStartFromThere() throws {
    try withTemporaryFolder { folder in
      let other = smallRecipe("", adapter: "{init_from: saved}").replacing("builtin:tiny", with: "model")
      let recipe = try loadVariant("seed: 7", of: other, in: folder)
      let recipes = folder.resolvingSymlinksInPath().appending(path: "recipes").path
      #expect(recipe.seed == 7)
      #expect(recipe.modelNameOrPath == recipes + "/model" && recipe.tokenizerNameOrPath == recipes + "/model")
      #expect(recipe.adapter.initFrom == recipes + "/saved")
      #expect(recipe.tasks[0].train?.path == recipes + "/copy.jsonl")
    }
  }

  @Test func pathsOfTheRecipeItselfAndOfOverridesStartFromItsOwnFolder() throws {
    try withTemporaryFolder { folder in
      let overrides = ["tasks.0.test=test.jsonl", "adapter.init_from=saved", "model_name_or_path=./model"]
      let recipe = try loadVariant(
        "tokenizer_name_or_path: ../model", of: smallRecipe(), overrides: overrides, in: folder)
      let recipes = folder.resolvingSymlinksInPath().appending(path: "recipes").path
      #expect(recipe.tokenizerNameOrPath == recipes + "/model")
      #expect(recipe.modelNameOrPath == recipes + "/variants/model")
      #expect(recipe.adapter.initFrom == recipes + "/variants/saved")
      #expect(recipe.tasks[0].train?.path == recipes + "/copy.jsonl")
      #expect(recipe.tasks[0].test?.path == recipes + "/variants/test.jsonl")
    }
  }

  @Test func aBaseInAnotherFolderMayHaveTheRecipesName() throws {
    try withTemporaryFolder { folder in
      try write(["main.yaml": smallRecipe("seed: 5")], to: folder)
      #expect(try loadVariant("", of: "", named: "../../main.yaml", in: folder).seed == 5)
      #expect(try loadVariant("", of: "", named: folder.path + "/main.yaml", in: folder).seed == 5)
    }
  }

  @Test func aBaseIsFoundBesideTheRecipeThatALinkLeadsTo() throws {
    try withTemporaryFolder { folder in
      _ = try loadVariant("seed: 7", of: smallRecipe(), in: folder)
      let link = folder.appending(path: "link")
      let variants = folder.appending(path: "recipes/variants")
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: variants)
      let train = try Recipe.load(link.appending(path: "main.yaml")).tasks[0].train
      #expect(train?.path.hasSuffix("recipes/copy.jsonl") == true)
    }
  }

  @Test func aBaseIsAPath() throws {
    #expect(
      try fault(["main.yaml": "base: \"\""])
        == "`base` is \"\" (line 1); it must be the path of a recipe, from this one's folder")
    #expect(
      try fault(["main.yaml": "base: none/other.yaml"])
        == "cannot read the recipe FOLDER/none/other.yaml: no such file; `base` names it (line 1)")
  }

  @Test func aBaseIsText() throws {
    #expect(
      try fault(["main.yaml": "base: [a.yaml]"])
        == "`base` is a list (line 1); expected text (in quotes if it looks like a number or truth value)")
    #expect(
      try fault(["main.yaml": smallRecipe("bsae: a.yaml")]) == "unknown key `bsae` (line 8); did you mean `base`?")
  }

  @Test func aCircleOfBasesIsNamed() throws {
    #expect(
      try fault(["main.yaml": "base: main.yaml"])
        == "recipes are based on each other in a circle: main.yaml, main.yaml; remove one `base`")
    #expect(
      try fault([
        "main.yaml": "base: a.yaml", "a.yaml": "base: b.yaml", "b.yaml": "base: a.yaml",
      ]) == "recipes are based on each other in a circle: main.yaml, a.yaml, b.yaml, a.yaml; remove one `base`")
  }
}
