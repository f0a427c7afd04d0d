import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct RecipeOverrideTests {
  @Test func overridesReachEveryLevel() throws {
    let recipe = try parse(
      smallRecipe("seed: 1"),
      overrides: [
        "seed=2", "adapter.r=4", "tasks.0.name=x=y", "adapter.target_modules=[c_attn]", "mixing.strategy=uniform",
        "learning_rate=1e-3", "tasks.0.labels=[\"1\", b]",
      ])
    #expect(recipe.seed == 2)
    #expect(recipe.adapter.configuration.adapterRank == 4)
    #expect(recipe.tasks[0].name == "x=y")
    #expect(recipe.tasks[0].prompt.labels == ["1", "b"])
    #expect(recipe.adapter.configuration.targetModules == .endings(["c_attn"]))
    #expect(recipe.mixing.strategy == .uniform)
    #expect(recipe.learningRate == 1e-3)
  }

  @Test func theLastOverrideCountsAndNullRestoresTheDefault() throws {
    #expect(try parse(smallRecipe(), overrides: ["seed=2", "seed=3"]).seed == 3)
    #expect(try parse(smallRecipe("seed: 7"), overrides: ["seed=null"]).seed == 42)
    #expect(try parse(smallRecipe(), overrides: ["save_steps=null"]).saveSteps == nil)
  }

  @Test func anOverrideOfTheWeakerOfTwoKeysHasItsEffect() throws {
    let recipe = try parse(
      smallRecipe("max_steps: 5\nwarmup_steps: 3"), overrides: ["num_train_epochs=2", "warmup_ratio=0.5"])
    #expect(recipe.totalSteps(stepsPerEpoch: 10) == 20)
    #expect(recipe.learningRateSchedule(totalSteps: 20).warmupSteps == 10)
  }

  @Test func aFileIsReadWithItsFolderAsBase() throws {
    try withTemporaryFolder { folder in
      let folder = folder.resolvingSymlinksInPath()
      let file = folder.appending(path: "recipe.yaml")
      try smallRecipe().write(to: file, atomically: true, encoding: .utf8)
      let recipe = try Recipe.load(file, workingDirectory: URL(filePath: "/home/user"))
      #expect(recipe.tasks[0].train?.path == folder.appending(path: "copy.jsonl").path)
      #expect(recipe.outputDir == "/home/user/runs/small")
    }
  }
}
