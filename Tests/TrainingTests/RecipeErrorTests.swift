import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct RecipeErrorTests {
  /// The text of the error that the recipe causes; nil if it causes none.
  private func fault(_ yaml: String, _ overrides: String...) -> String? {
    do {
      _ = try parse(yaml, overrides: overrides)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func anUnknownKeyIsNamedWithItsLineAndTheNearestOne() {
    #expect(
      fault(smallRecipe("seed: 1\nlerning_rate: 1e-4"))
        == "unknown key `lerning_rate` (line 9); did you mean `learning_rate`?")
    #expect(
      fault(smallRecipe().replacing("output_dir", with: "ouput_dir"))
        == "unknown key `ouput_dir` (line 2); did you mean `output_dir`?")
    #expect(
      fault(smallRecipe().replacing("train:", with: "tarin:"))
        == "unknown key `tasks.0.tarin` (line 7); did you mean `train`?")
    #expect(
      fault(smallRecipe(), "adapter.lora_alhpa=2")
        == "unknown key `adapter.lora_alhpa` (--set); did you mean `lora_alpha`?")
    #expect(
      fault(smallRecipe("mixing: {stategy: uniform}"))
        == "unknown key `mixing.stategy` (line 8); did you mean `strategy`?")
  }

  @Test func sumsOfMPIAreRefusedInBF16() {
    #expect(
      fault(smallRecipe("reduction_precision: bf16"), "reduction=mpi")
        == "`reduction_precision` (line 8) does not go with reduction mpi, which sums in fp32; remove it")
    #expect(fault(smallRecipe("reduction_precision: bf16")) == nil)
  }

  @Test func aPrecisionWithoutFrozenWeightsIsRefused() {
    let reason = "does not go with peft_type FULL, which trains every array in fp32; remove it"
    #expect(fault(smallRecipe("precision: bf16", adapter: "{peft_type: FULL}")) == "`precision` (line 8) \(reason)")
    #expect(
      fault(smallRecipe("init_weights: random", adapter: "{peft_type: FULL}"), "precision=bf16")
        == "`precision` (--set) \(reason)")
    #expect(fault(smallRecipe("precision: fp32", adapter: "{peft_type: FULL}")) == nil)
    #expect(fault(smallRecipe("precision: bf16")) == nil)
    #expect(fault(smallRecipe("precision: fp16")) == "`precision` is `fp16` (line 8); supported: fp32, bf16")
  }

  @Test func copiesOfFrozenWeightsNeedSome() {
    #expect(
      fault(smallRecipe("weights_copy: numa", adapter: "{peft_type: FULL}"))
        == "`weights_copy` (line 8) does not go with peft_type FULL, which has no frozen weights; remove it")
    #expect(fault(smallRecipe("weights_copy: auto", adapter: "{peft_type: FULL}")) == nil)
    #expect(
      fault(smallRecipe("weights_copy: socket"))
        == "`weights_copy` is `socket` (line 8); supported: node, numa, auto")
  }

  @Test func aMissingKeyIsNamed() {
    #expect(fault("seed: 1") == "missing key `model_name_or_path` (recipe); it has no default")
    #expect(
      fault(smallRecipe(adapter: "{r: 2}")) == "missing key `adapter.peft_type` (line 3); it has no default")
    #expect(
      fault(smallRecipe().replacing("train: copy.jsonl", with: "labels: []"))
        == "missing key `tasks.0.train or test` (line 5); it has no default")
    #expect(
      fault(smallRecipe("mixing: {strategy: temperature}"))
        == "missing key `mixing.temperature` (line 8); it has no default")
    #expect(
      fault(smallRecipe(), "output_dir=") == "missing key `output_dir` (recipe); it has no default")
  }

  @Test(arguments: [
    ("learning_rate: fast", "`learning_rate` is the text \"fast\" (line 8); expected a number"),
    ("learning_rate: \"1e-5\"", "`learning_rate` is the text \"1e-5\" (line 8); expected a number"),
    ("max_steps: 1.5", "`max_steps` is the number 1.5 (line 8); expected a whole number"),
    ("eval_on_start: yes", "`eval_on_start` is the text \"yes\" (line 8); expected true or false"),
    ("mixing: uniform", "`mixing` is the text \"uniform\" (line 8); expected a mapping with keys such as `strategy`"),
    ("share_prefixes: 1", "`share_prefixes` is the number 1 (line 8); expected auto, true or false"),
    ("reduction: [mpi]", "`reduction` is a list (line 8); expected one of ordered, mpi"),
    (
      "tokenizer_name_or_path: 5",
      "`tokenizer_name_or_path` is the number 5 (line 8); "
        + "expected text (in quotes if it looks like a number or truth value)"
    ),
  ])
  func aWrongTypeIsNamed(line: String, text: String) {
    #expect(fault(smallRecipe(line)) == text)
  }

  @Test func aWrongTypeInsideAListIsNamedByItsPosition() {
    #expect(
      fault(smallRecipe("", adapter: "{peft_type: LORA, target_modules: [c_attn, {}]}"))
        == "`adapter.target_modules.1` is a mapping (line 3); "
        + "expected text (in quotes if it looks like a number or truth value)")
    #expect(fault(smallRecipe(), "tasks=x") == "`tasks` is the text \"x\" (--set); expected a list")
    #expect(
      fault(smallRecipe(), "adapter.rank_pattern=[1]")
        == "`adapter.rank_pattern` is a list (--set); expected a mapping of patterns to numbers")
    #expect(
      fault(smallRecipe(), "adapter.target_modules={}")
        == "`adapter.target_modules` is a mapping (--set); expected a list of module names or one regular expression")
  }

  @Test(arguments: [
    ("seed=-1", "`seed` is -1 (--set); it must be 0 or above"),
    ("adapter.r=0", "`adapter.r` is 0 (--set); it must be from 1 to 65536"),
    ("adapter.lora_dropout=1", "`adapter.lora_dropout` is 1 (--set); it must be at least 0 and below 1"),
    ("adapter.lora_alpha=0", "`adapter.lora_alpha` is 0 (--set); it must be above 0"),
    (
      "adapter.rank_pattern={a: 0}",
      "`adapter.rank_pattern` is {a: 0} (--set); it must be a mapping to ranks from 1 to 65536"
    ),
    ("learning_rate=-1e-4", "`learning_rate` is -1e-4 (--set); it must be 0 or above"),
    ("router_learning_rate=-1", "`router_learning_rate` is -1 (--set); it must be 0 or above"),
    ("router_weight_decay=-1", "`router_weight_decay` is -1 (--set); it must be 0 or above"),
    ("loraplus_lr_ratio=0.5", "`loraplus_lr_ratio` is 0.5 (--set); it must be 1 or more"),
    ("warmup_ratio=1.5", "`warmup_ratio` is 1.5 (--set); it must be between 0 and 1"),
    ("max_steps=0", "`max_steps` is 0 (--set); it must be from 1 to 1000000000, or -1 for num_train_epochs"),
    ("num_train_epochs=1e20", "`num_train_epochs` is 1e20 (--set); it must be above 0 and at most 1000000"),
    ("max_seq_length=1", "`max_seq_length` is 1 (--set); it must be from 2 to 16777216"),
    ("train_batch_size=0", "`train_batch_size` is 0 (--set); it must be from 1 to 1000000"),
    ("micro_batches=64", "`micro_batches` is 64 (--set); it must be at most train_batch_size, which is 32"),
    ("mixing.group=0", "`mixing.group` is 0 (--set); it must be 1 or more"),
    ("mixing.group=33", "`mixing.group` is 33 (--set); it must be at most train_batch_size, which is 32"),
    ("tasks=[]", "`tasks` is [] (--set); it must be not empty"),
    ("init_weights=random", "`init_weights` is random (--set); it must be pretrained for every peft_type but FULL"),
  ])
  func aValueOutOfRangeIsNamedWithItsRange(override: String, text: String) {
    #expect(fault(smallRecipe(), override) == text)
  }

  /// The line is that of the group, whatever states the batch.
  @Test func aGroupBeyondABatchIsNamedByItsLine() throws {
    let recipe = smallRecipe("train_batch_size: 8\nmixing:\n  strategy: uniform\n  group: 16")
    #expect(fault(recipe) == "`mixing.group` is 16 (line 11); it must be at most train_batch_size, which is 8")
    #expect(fault(recipe, "train_batch_size=16") == nil)
    #expect(
      fault(recipe, "train_batch_size=4")
        == "`mixing.group` is 16 (line 11); it must be at most train_batch_size, which is 4")
  }

  @Test func routersCannotLearnBesideARateOfZero() {
    #expect(
      fault(smallRecipe("learning_rate: 0\nrouter_learning_rate: 0.1"))
        == "`router_learning_rate` is 0.1 (line 9); it must be null where learning_rate is 0, since the schedule "
        + "multiplies both in the same proportion")
  }

  @Test func aPolynomialScheduleCannotStartBelowItsEnd() {
    #expect(
      fault(smallRecipe("lr_scheduler_type: polynomial\nlearning_rate: 1e-8"))
        == "`learning_rate` is 1e-08 (line 9); it must be above 1e-07, where a polynomial schedule ends")
  }

  @Test func tasksHaveNamesOfTheirOwn() {
    let twice = smallRecipe("  - {name: copy, format: csv, train: other.csv}")
    #expect(
      fault(twice)
        == "`tasks` is a list with two tasks named copy (line 4); it must be a list of tasks whose names differ")
  }

  @Test func aWordOutsideItsSetIsNamedWithTheSet() {
    #expect(
      fault(smallRecipe(adapter: "{n_common_skills: 3, peft_type: CPOLY}"))
        == "`adapter.peft_type` is `CPOLY` (line 3); supported: LORA, IA3, POLY, TASK_LORA, MOLORA, MOLORA_SD, MODE, "
        + "C_POLY, FULL")
    #expect(
      fault(smallRecipe("lr_scheduler_type: cosin"))
        == "`lr_scheduler_type` is `cosin` (line 8); supported: linear, cosine, polynomial, constant")
    #expect(
      fault(smallRecipe("share_prefixes: yes"))
        == "`share_prefixes` is `yes` (line 8); supported: auto, true, false")
  }

  @Test(arguments: [
    ("{peft_type: IA3, r: 2}", "`adapter.r` (line 3) does not go with peft_type IA3; remove it"),
    (
      "{peft_type: LORA, feedforward_modules: [c]}",
      "`adapter.feedforward_modules` (line 3) does not go with peft_type LORA; remove it"
    ),
    (
      "{peft_type: FULL, target_modules: [c]}",
      "`adapter.target_modules` (line 3) does not go with peft_type FULL; remove it"
    ),
    (
      "{peft_type: FULL, init_seed: 1}",
      "`adapter.init_seed` (line 3) does not go with init_weights pretrained; remove it"
    ),
    ("{peft_type: FULL, init_from: old}", "`adapter.init_from` (line 3) does not go with peft_type FULL; remove it"),
    ("{init_from: old, init_seed: 1}", "`adapter.init_seed` (line 3) does not go with init_from; remove it"),
  ])
  func aKeyThatMeansNothingBesideAnotherIsRefused(adapter: String, text: String) {
    #expect(fault(smallRecipe(adapter: adapter)) == text)
  }

  @Test func keysOfOtherFormatsAndStrategiesAreRefused() {
    #expect(
      fault(smallRecipe(), "tasks.0.positive_examples=1")
        == "`tasks.0.positive_examples` (--set) does not go with format jsonl; remove it")
    #expect(
      fault(smallRecipe("mixing: {temperature: 2}"))
        == "`mixing.temperature` (line 8) does not go with strategy proportional; remove it")
  }

  @Test(arguments: [
    (
      "", "{skew: 0.8, part: 0}",
      "` is {skew: 0.8, part: 0} (line 8); it must be left out unless task copy lists its labels"
    ),
    ("a, b", "{skew: 1.5, part: 0}", ".skew` is 1.5 (line 8); it must be between 0 and 1"),
    ("a, b", "{skew: 0.8, part: 2}", ".part` is 2 (line 8); it must be from 0 to 1"),
    ("a, b", "0.8", "` is the number 0.8 (line 8); expected a mapping with keys such as `skew`"),
  ])
  func aSplitThatCannotBeMadeIsNamed(labels: String, split: String, text: String) {
    #expect(fault(smallRecipe("    split: \(split)\n    labels: [\(labels)]")) == "`tasks.0.split" + text)
  }

  @Test func aSplitStatesBothItsKeysAndNoOther() {
    func fault(_ split: String) -> String? { self.fault(smallRecipe("    split: \(split)\n    labels: [a, b]")) }
    #expect(fault("{part: 0}") == "missing key `tasks.0.split.skew` (line 8); it has no default")
    #expect(fault("{skew: 0.8}") == "missing key `tasks.0.split.part` (line 8); it has no default")
    #expect(
      fault("{skwe: 0.8, part: 0}") == "unknown key `tasks.0.split.skwe` (line 8); did you mean `skew`?")
    #expect(
      self.fault(smallRecipe("    split: {skew: 1, part: 0}").replacing("format: jsonl", with: "format: pretokenized"))
        == "`tasks.0.split` (line 8) does not go with format pretokenized; remove it")
  }

  @Test func textThatIsNoRecipeIsRefused() {
    #expect(fault("") == "the text is no recipe: expected keys with values, such as `seed: 0`")
    #expect(fault("- a") == "the text is no recipe: expected keys with values, such as `seed: 0`")
    #expect(fault(smallRecipe("a: b: c"))?.hasPrefix("the recipe is not valid YAML (line 8): mapping values") == true)
    #expect(fault(smallRecipe("seed: 1\nseed: 2")) == "key `seed` is given twice (line 8); keep one")
  }

  @Test func anUnreadableFileIsNamed() throws {
    #expect(throws: RecipeError.unreadable(file: "/missing/recipe.yaml", reason: "no such file")) {
      try Recipe.load(URL(filePath: "/missing/recipe.yaml"))
    }
    #expect(
      RecipeError.unreadable(file: "/missing/recipe.yaml", reason: "no such file").description
        == "cannot read the recipe /missing/recipe.yaml: no such file")
  }

  @Test func contradictionWithASavedAdapterIsNamed() {
    #expect(
      RecipeError.disagreement(key: "adapter.r", stated: "2", found: "4", folder: "/old").description
        == "`adapter.r` is 2, but the adapter in /old has 4; remove the key or change it")
  }

  @Test func anOverrideThatLeadsNowhereIsRefused() {
    #expect(
      fault(smallRecipe(), "learning_rate")
        == "--set learning_rate: expected key=value, such as learning_rate=1e-4 or adapter.r=4")
    #expect(
      fault(smallRecipe(), "tasks.3.name=x")
        == "--set tasks.3.name=x: `3` is no position in a list of 1, counted from 0")
    #expect(
      fault(smallRecipe(), "output_dir.x=1")
        == "--set output_dir.x=1: `x` has nothing to belong to: the key before it holds a single value")
    #expect(
      fault(smallRecipe(), "seed=[") == "--set seed=[: the value is not valid YAML; quote text with special characters")
  }
}
