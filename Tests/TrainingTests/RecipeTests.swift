import Adapters
import Foundation
import Tasks
import TestSupport
import Testing

@testable import Training

/// A recipe of the required keys only, with more lines at its end.
func smallRecipe(_ more: String = "", adapter: String = "{peft_type: LORA}") -> String {
  """
  model_name_or_path: builtin:tiny
  output_dir: runs/small
  adapter: \(adapter)
  tasks:
    - name: copy
      format: jsonl
      train: copy.jsonl
  \(more)
  """
}

func parse(_ yaml: String, overrides: [String] = []) throws(RecipeError) -> Recipe {
  try Recipe.parse(
    yaml, folder: URL(filePath: "/recipes"), overrides: overrides, workingDirectory: URL(filePath: "/home/user"))
}

@Suite struct RecipeTests {
  @Test func defaultsAreThoseOfHuggingFace() throws {
    let recipe = try parse(smallRecipe())
    #expect(recipe.learningRate == 5e-5)
    #expect(recipe.weightDecay == 0)
    #expect(recipe.numTrainEpochs == 3)
    #expect(recipe.maxSteps == nil)
    #expect(recipe.lrSchedulerType == .linear)
    #expect(recipe.seed == 42)
    #expect([recipe.adamBeta1, recipe.adamBeta2, recipe.adamEpsilon, recipe.maxGradNorm] == [0.9, 0.999, 1e-8, 1])
    #expect(recipe.routerLearningRate == nil && recipe.routerWeightDecay == nil && recipe.loraplusLrRatio == nil)
    #expect(!recipe.sparseUpdates)
    #expect(recipe.saveSteps == 500)
    #expect(recipe.evalSteps == nil)
    #expect(recipe.adapter.configuration == AdapterConfiguration(peftType: .lora))
    #expect(recipe.mixing == MixingOptions())
    #expect(recipe.sharePrefixes == .auto)
    #expect(recipe.weightsCopy == .auto)
  }

  @Test func everyKeyIsRead() throws {
    let recipe = try parse(Self.full)
    #expect(recipe.modelNameOrPath == "/models/gpt2")
    #expect(recipe.tokenizerNameOrPath == "gpt2")
    #expect(recipe.outputDir == "/home/user/runs/x")
    #expect(recipe.adapter.initSeed == 7)
    #expect(recipe.initSeed == 7)
    let configuration = recipe.adapter.configuration
    #expect(configuration.targetModules == .endings(["c_attn", "c_proj"]))
    #expect(configuration.adapterRank == 2)
    #expect(configuration.loraAlpha == 4)
    #expect(configuration.loraDropout == 0.1)
    #expect(configuration.useRSLoRA)
    #expect(configuration.rankPattern.map(\.pattern) == ["h.0.attn.c_attn", "c_proj"])
    #expect(configuration.rankPattern.map(\.value) == [4, 1] as [Int])
    #expect(configuration.alphaPattern == [PatternValue(pattern: "c_proj", value: 0.5)])
    #expect(configuration.modulesToSave == ["wte"])
    #expect(recipe.mixing == MixingOptions(strategy: .temperature(2), cap: 100, group: 4))
    #expect(recipe.tasks.map(\.name) == ["rte", "wic", "table", "ids"])
    #expect(recipe.tasks[0].train == URL(filePath: "/recipes/data/rte.json"))
    #expect(recipe.tasks[0].prompt.negativeExamples == 1)
    #expect(recipe.tasks[0].prompt.explanations)
    #expect(recipe.tasks[0].weight == 0.5)
    #expect(recipe.tasks[1].test == URL(string: "builtin:wic/test"))
    #expect(recipe.tasks[1].prompt.source == "{text}\nSame? ")
    #expect(recipe.tasks[1].prompt.labels == ["True", "False"])
    #expect(recipe.tasks[1].metrics == [.exactMatch, .accuracy])
    #expect(recipe.tasks[2].prompt.delimiter == ";")
    #expect(recipe.tasks[2].prompt.maxTrainExamples == 10)
    #expect(recipe.tasks[2].prompt.labelSplit == LabelSplit(skew: 1, part: 1))
    #expect(recipe.tasks[3].prompt.format == .pretokenized)
    #expect(recipe.maxSeqLength == 512)
    #expect(recipe.maxTargetLength == 32)
    #expect(recipe.maxNewTokens == 32)
    #expect(recipe.trainBatchSize == 16)
    #expect(recipe.microBatches == 4)
    #expect(recipe.sharePrefixes == .always)
    #expect(recipe.weightsCopy == .node)
    #expect(recipe.maxSteps == 30)
    #expect(recipe.learningRate == 1e-5)
    #expect(recipe.routerLearningRate == 3e-5)
    #expect(recipe.loraplusLrRatio == 16)
    #expect(recipe.routerWeightDecay == 0)
    #expect(recipe.sparseUpdates)
    #expect(recipe.lrSchedulerType == .cosine)
    #expect(recipe.reduction == .mpi)
    #expect(recipe.saveSteps == nil)
    #expect(recipe.evalOnStart)
  }

  @Test(arguments: [
    full, smallRecipe(), smallRecipe(adapter: "{init_from: old, r: 4}"),
    smallRecipe("init_weights: random", adapter: "{peft_type: FULL, init_seed: 3}"),
    smallRecipe(adapter: #"{peft_type: IA3, target_modules: ".*\\.c_(attn|proj)", feedforward_modules: []}"#),
  ])
  func resolvedRecipeIsEqualWhenReadAgainElsewhere(yaml: String) throws {
    let recipe = try parse(yaml)
    let again = try Recipe.parse(
      recipe.resolvedYAML(), folder: URL(filePath: "/elsewhere"), workingDirectory: URL(filePath: "/elsewhere"))
    #expect(again == recipe)
    #expect(again.resolvedYAML() == recipe.resolvedYAML())
  }

  @Test func resolvedRecipeIsReadable() throws {
    let lines = try parse(smallRecipe("max_steps: 10")).resolvedYAML().split(separator: "\n").map(String.init)
    #expect(lines[0].hasPrefix("#"))
    #expect(lines[1] == "model_name_or_path: \"builtin:tiny\"")
    #expect(lines.contains("  peft_type: LORA"))
    #expect(lines.contains("  target_modules: null"))
    #expect(lines.contains("  - name: copy"))
    #expect(lines.contains("    train: /recipes/copy.jsonl"))
    #expect(lines.contains("    split: null"))
    #expect(lines.contains("learning_rate: 5e-05"))
    #expect(lines.contains("max_steps: 10"))
  }

  @Test func defaultsFollowTheKeysTheyDependOn() throws {
    let recipe = try parse(smallRecipe("max_target_length: 9\ntrain_batch_size: 4\nseed: 5\nmax_steps: -1"))
    #expect(recipe.maxNewTokens == 9)
    #expect(try parse(smallRecipe("max_seq_length: 64")).maxNewTokens == 128)
    #expect(recipe.microBatches == 4)
    #expect(recipe.initSeed == 5)
    #expect(recipe.tokenizerNameOrPath == "builtin:tiny")
    #expect(recipe.maxSteps == nil)
  }

  @Test func numbersFollowYAML12() {
    #expect(RecipeScalar(plain: "1e-5") == .float(1e-5))
    #expect(RecipeScalar(plain: "1E3") == .float(1000))
    #expect(RecipeScalar(plain: "+.5") == .float(0.5))
    #expect(RecipeScalar(plain: "-12") == .int(-12))
    #expect(RecipeScalar(plain: "012") == .int(12))
    #expect(RecipeScalar(plain: "1_000") == .text("1_000"))
    #expect(RecipeScalar(plain: "yes") == .text("yes"))
    #expect(RecipeScalar(plain: "nan") == .text("nan"))
    #expect(RecipeScalar(plain: "e") == .text("e"))
    #expect(RecipeScalar(plain: "~") == .null)
  }

  @Test func aModelBesideTheRecipeIsAFolderAndAnotherTextIsAName() throws {
    try withTemporaryFolder { folder in
      let folder = folder.resolvingSymlinksInPath()
      try FileManager.default.createDirectory(at: folder.appending(path: "gpt2"), withIntermediateDirectories: false)
      func model(_ name: String) throws -> String {
        let yaml = smallRecipe().replacing("builtin:tiny", with: name)
        return try Recipe.parse(yaml, folder: folder).modelNameOrPath
      }
      #expect(try model("gpt2") == folder.appending(path: "gpt2").path)
      #expect(try model("openai-community/gpt2") == "openai-community/gpt2")
      #expect(try model("../missing") == folder.deletingLastPathComponent().appending(path: "missing").path)
      #expect(try model("builtin:tiny") == "builtin:tiny")
    }
  }

  @Test func stepsAndWarmUpAreCountedAsTheTrainerDoes() throws {
    let epochs = try parse(smallRecipe("num_train_epochs: 1.5\nwarmup_ratio: 0.06"))
    #expect(epochs.totalSteps(stepsPerEpoch: 7) == 11)
    #expect(epochs.learningRateSchedule(totalSteps: 101).warmupSteps == 7)
    let steps = try parse(smallRecipe("num_train_epochs: 1.5\nmax_steps: 5\nwarmup_ratio: 0.5\nwarmup_steps: 2"))
    #expect(steps.totalSteps(stepsPerEpoch: 7) == 5)
    #expect(steps.learningRateSchedule(totalSteps: 5).warmupSteps == 2)
  }

  @Test func aSavedAdapterDecidesWhatTheRecipeLeavesOut() throws {
    var saved = AdapterConfiguration(peftType: .lora)
    saved.adapterRank = 4
    saved.targetModules = .endings(["c_proj", "c_attn"])
    let adapter = try parse(smallRecipe(adapter: "{init_from: old, target_modules: [c_attn, c_proj]}")).adapter
    #expect(adapter.initFrom == "/recipes/old")
    let result = try adapter.reconciled(with: saved)
    #expect(result.configuration == saved)
    #expect(try result.reconciled(with: saved) == result)

    let contrary = try parse(smallRecipe(adapter: "{init_from: old, r: 2}")).adapter
    #expect(throws: RecipeError.disagreement(key: "adapter.r", stated: "2", found: "4", folder: "/recipes/old")) {
      try contrary.reconciled(with: saved)
    }
    #expect(throws: RecipeError.disagreement(key: "adapter.r", stated: "2", found: "null", folder: "/recipes/old")) {
      try contrary.reconciled(with: AdapterConfiguration(peftType: .ia3))
    }
  }

  static let full = #"""
    model_name_or_path: ../models/gpt2
    tokenizer_name_or_path: gpt2
    init_weights: pretrained
    precision: fp32
    output_dir: runs/x
    seed: 3
    adapter:
      peft_type: LORA
      init_from: null
      init_seed: 7
      target_modules: [c_attn, c_proj]
      modules_to_save: [wte]
      r: 2
      lora_alpha: 4
      lora_dropout: 0.1
      use_rslora: true
      rank_pattern: {h.0.attn.c_attn: 4, c_proj: 1}
      alpha_pattern: {c_proj: 0.5}
    tasks:
      - name: rte
        format: super_natural_instructions
        train: data/rte.json
        test: data/rte-test.json
        metrics: [exact_match, rougeL]
        positive_examples: 1
        negative_examples: 1
        explanations: true
        weight: 0.5
      - name: wic
        format: jsonl
        train: /data/wic.jsonl
        test: builtin:wic/test
        metrics: [exact_match, accuracy]
        source: "{text}\nSame? "
        target: "{label}"
        labels: ["True", "False"]
      - {name: table, format: csv, train: t.csv, delimiter: ";", max_train_examples: 10, max_test_examples: 2,
         labels: [x, "y"], split: {skew: 1, part: 1}}
      - {name: ids, format: pretokenized, train: ids.jsonl}
    mixing: {strategy: temperature, temperature: 2, cap: 100, group: 4}
    max_seq_length: 512
    max_target_length: 32
    train_batch_size: 16
    micro_batches: 4
    share_prefixes: true
    weights_copy: node
    num_train_epochs: 2
    max_steps: 30
    learning_rate: 1e-5
    router_learning_rate: 3e-5
    loraplus_lr_ratio: 16
    lr_scheduler_type: cosine
    warmup_ratio: 0.06
    warmup_steps: 3
    weight_decay: 0.01
    router_weight_decay: 0
    adam_beta1: 0.8
    adam_beta2: 0.95
    adam_epsilon: 1.0e-6
    max_grad_norm: 0
    sparse_updates: true
    reduction: mpi
    eval_steps: 10
    eval_on_start: true
    eval_batch_size: 4
    save_steps: null
    save_total_limit: 2
    logging_steps: 5
    """#
}
