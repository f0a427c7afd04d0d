import Foundation
import Testing

@testable import Training

@Suite struct RecipeResumeTests {
  private let recipe = smallRecipe("save_steps: 5")

  @Test func cadenceOfLoggingSavingAndEvaluationIsFree() throws {
    let old = try parse(recipe)
    let new = try parse(
      recipe,
      overrides: [
        "save_steps=7", "logging_steps=1", "eval_steps=2", "output_dir=other", "save_total_limit=1",
        "tasks.0.test=t.jsonl", "tasks.0.max_test_examples=4", "tasks.0.metrics=[rouge1]", "max_new_tokens=3",
        "eval_batch_size=1", "check_steps=null", "weights_copy=numa",
        "eval_on_start=true", "activation_checkpointing=true",
      ])
    #expect(old.differences(to: new) == [])
    #expect(old.fingerprint == new.fingerprint)
  }

  @Test func whatChangesTheResultIsListed() throws {
    let old = try parse(recipe)
    let new = try parse(
      recipe,
      overrides: [
        "learning_rate=1e-3", "adapter.r=4", "tasks.0.labels=[a]", "mixing.cap=3", "mixing.group=2", "max_steps=2",
      ])
    #expect(
      old.differences(to: new).map(\.description) == [
        "`adapter.r` was 8 and is 4", "`tasks.0.labels` was [] and is [a]", "`mixing.cap` was null and is 3",
        "`mixing.group` was 1 and is 2",
        "`max_steps` was null and is 2", "`learning_rate` was 5e-05 and is 0.001",
      ])
    #expect(old.fingerprint != new.fingerprint)
    #expect(old.fingerprint.count == 16)
  }

  @Test func thePrecisionOfFrozenWeightsIsBinding() throws {
    let old = try parse(recipe), new = try parse(recipe, overrides: ["precision=bf16"])
    #expect(old.differences(to: new).map(\.description) == ["`precision` was fp32 and is bf16"])
    #expect(old.fingerprint != new.fingerprint)
  }

  @Test func whatIsComputedOnceIsBinding() throws {
    let old = try parse(recipe), new = try parse(recipe, overrides: ["share_prefixes=false"])
    #expect(old.differences(to: new).map(\.description) == ["`share_prefixes` was auto and is false"])
    #expect(old.fingerprint != new.fingerprint)
    #expect(try parse(recipe, overrides: ["share_prefixes=auto"]).fingerprint == old.fingerprint)
  }

  @Test func howParametersAreUpdatedIsBinding() throws {
    let old = try parse(recipe)
    let new = try parse(
      recipe,
      overrides: ["router_learning_rate=1e-3", "loraplus_lr_ratio=2", "router_weight_decay=0", "sparse_updates=true"])
    #expect(
      old.differences(to: new).map(\.description) == [
        "`router_learning_rate` was null and is 0.001", "`loraplus_lr_ratio` was null and is 2.0",
        "`router_weight_decay` was null and is 0.0", "`sparse_updates` was false and is true",
      ])
  }

  @Test func theHalfOfATaskIsBinding() throws {
    func recipe(_ split: String) throws -> Recipe {
      try parse(smallRecipe("    labels: [a, b]\n    split: \(split)"))
    }
    let old = try recipe("{skew: 0.8, part: 0}")
    #expect(try old.differences(to: recipe("{part: 0, skew: 0.80}")) == [])
    #expect(
      try old.differences(to: recipe("{skew: 0.5, part: 1}")).map(\.description) == [
        "`tasks.0.split.skew` was 0.8 and is 0.5", "`tasks.0.split.part` was 0 and is 1",
      ])
    #expect(
      try recipe("null").differences(to: old).map(\.key) == ["tasks.0.split.skew", "tasks.0.split.part"])
  }

  @Test func anotherTaskIsADifference() throws {
    let new = try parse(smallRecipe("  - {name: more, format: pretokenized, train: more.jsonl}"))
    let differences = try parse(smallRecipe()).differences(to: new)
    #expect(differences.first == Recipe.Difference(key: "tasks.1.name", old: "null", new: "more"))
  }

  @Test func aMovedRunMayGoOn() throws {
    let old = try Recipe.parse(recipe, folder: URL(filePath: "/a"))
    let new = try Recipe.parse(recipe, folder: URL(filePath: "/b/c"))
    #expect(old.differences(to: new) == [])
    #expect(try parse(recipe).differences(to: parse(recipe, overrides: ["tasks.0.train=x.jsonl"])).count == 1)
  }

  @Test func aRunOfConstantRateMayBecomeLonger() throws {
    let old = try parse(recipe + "\nlr_scheduler_type: constant\nmax_steps: 5")
    let new = try parse(recipe + "\nlr_scheduler_type: constant\nmax_steps: 9")
    #expect(old.differences(to: new) == [])
    #expect(try parse(recipe + "\nmax_steps: 5").differences(to: parse(recipe + "\nmax_steps: 9")).count == 1)
  }
}
