import Checkpoints
import Foundation
import TestSupport
import Testing

/// `precision: bf16` and `--precision bf16` as the commands take them.
struct PrecisionTests {
  @Test(arguments: [DistributedTrainingTests.adapters[0], DistributedTrainingTests.adapters[1]])
  func anyNumberOfRanksAndAResumedRunWriteTheSameBytes(adapter: String) throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = adapter
      let single = try folder.trained(ranks: 1, as: "single")
      folder.recipe["precision"] = "bf16"
      let alone = try folder.trained(ranks: 1, as: "alone")
      #expect(alone != single && alone.count == single.count)
      for ranks in 2...3 { #expect(try folder.trained(ranks: ranks, as: "run\(ranks)") == alone, "\(ranks) ranks") }
      // Adapters are fp32 whatever the model is held in.
      let tensors = try SafetensorsFile(folder.file("alone/adapter_model.safetensors"))
      #expect(try tensors.names.allSatisfy { try tensors.info($0).dataType == .float32 })
      let losses = ["single", "alone"].map {
        folder.lines(of: "\($0)/metrics.jsonl").compactMap { $0["loss"] as? Double }
      }
      for (first, second) in zip(losses[0], losses[1]) { #expect(abs(first - second) < 0.1 * first) }

      _ = try folder.trained(ranks: 2, as: "run", ["max_steps=5"])
      let resumed = try folder.train(ranks: 3, ["max_steps=8"], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(resumed.standardError.contains("at step 5 of 8"))
      #expect(try folder.weights(of: "run") == alone)
    }
  }

  @Test func aRunIsResumedInItsPrecisionAlone() throws {
    try TrainFolder.with { folder in
      folder.recipe["precision"] = "bf16"
      _ = try folder.trained(ranks: 1, as: "run", ["max_steps=2"])
      let recipe = try String(contentsOf: folder.file("run/recipe.yaml"), encoding: .utf8)
      #expect(recipe.contains("precision: bf16"))
      let outcome = try folder.train(ranks: 2, ["precision=fp32", "max_steps=3"], options: ["--resume"])
      #expect(outcome.exitCode == 2 && outcome.messages.count == 1)
      #expect(outcome.messages[0].contains("whose recipe differs: `precision` was bf16 and is fp32. "))
    }
  }

  @Test func whatTrainsWholeHasNoPrecision() throws {
    try TrainFolder.with { folder in
      (folder.recipe["adapter"], folder.recipe["precision"]) = ("{peft_type: FULL}", "bf16")
      let outcome = try folder.train()
      #expect(outcome.exitCode == 2 && outcome.messages.count == 1)
      #expect(
        outcome.messages[0].hasSuffix(
          ") does not go with peft_type FULL, which trains every array in fp32; remove it"))
    }
  }

  /// A file of bf16 matrices is mapped, one of fp32 is rounded, on one rank or shared out: not a bit may differ.
  @Test(arguments: ["gpt2", "llama", "t5", "bert"])
  func aFileInBF16ScoresAsOneThatIsRounded(family: String) throws {
    try FamilyFolder.with(family) { folder in
      try FileManager.default.copyItem(at: folder.file("model"), to: folder.file("half"))
      let source = try SafetensorsFile(folder.file("model/model.safetensors"))
      let tensors: [SafetensorsWriter.TypedTensor] = try source.names.map {
        let shape = try source.info($0).shape
        return ($0, shape, shape.count > 1 ? .bfloat16 : .float32)
      }
      try SafetensorsWriter.write(to: folder.file("half/model.safetensors"), typed: tensors) {
        tensors[$0].dataType.encode(try source.array(tensors[$0].name))!
      }
      func score(_ model: String, _ precision: String, ranks: Int) throws -> (lines: String, logits: Data) {
        let outcome = try folder.run(
          [
            "score", "--model", model, "--input", "batch.jsonl", "--logits", "logits.safetensors", "--precision",
            precision,
          ], ranks: ranks)
        return (outcome.standardOutput, try Data(contentsOf: folder.file("logits.safetensors")))
      }
      let expected = try score("model", "bf16", ranks: 1), found = try score("half", "bf16", ranks: 2)
      #expect(found.lines == expected.lines && found.logits == expected.logits)
      // Rounding the operands of products is more than rounding the weights.
      let single = try score("half", "fp32", ranks: 1)
      #expect(single.logits != found.logits)
      let losses = try [single, found].map { try CommandFixture.decode(FamilyFolder.Score.self, lines: $0.lines) }
      for (first, second) in zip(losses[0], losses[1]) {
        #expect(abs(first.loss_sum - second.loss_sum) < 2e-2 * first.loss_sum)
      }
    }
  }

  @Test func evaluateTakesTheRecipesPrecisionOrAnother() throws {
    try withTemporaryFolder { folder in
      let recipe = try CommandFixture.recipe(in: folder)
      func perplexity(_ arguments: [String]) throws -> Double {
        let outcome = try PolyadProcess.run(["evaluate", recipe, "--base", "--json"] + arguments, ranks: 2, in: folder)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let json = try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any]
        return try #require((json?["mean"] as? [String: Double])?["perplexity"])
      }
      let single = try perplexity([]), half = try perplexity(["--precision", "bf16"])
      #expect(single != half && abs(single - half) < 2e-2 * single)
      #expect(try perplexity(["--set", "precision=bf16"]) == half)
      #expect(try perplexity(["--set", "precision=bf16", "--precision", "fp32"]) == single)

      let random = ["--set", "init_weights=random", "--set", "adapter={peft_type: FULL}", "--precision", "bf16"]
      let outcome = try PolyadProcess.run(["evaluate", recipe, "--base"] + random, in: folder)
      #expect(outcome.exitCode == 2)
      #expect(outcome.messages == ["polyad: --precision bf16: random weights that all train are fp32; leave it out"])
    }
  }

  @Test func generateContinuesInEitherPrecision() throws {
    try FamilyFolder.with("gpt2") { folder in
      let prompts = try folder.goldenContinuations().prompts.map { try CommandFixture.text(of: ["input_ids": $0]) }
      _ = try CommandFixture.write(prompts.joined(separator: "\n"), "prompts.jsonl", in: folder.url)
      let answers = try folder.generate("prompts.jsonl", ["--precision", "bf16"])
      #expect(answers.count == prompts.count && answers.allSatisfy { !$0.ids.isEmpty })
      #expect(try folder.generate("prompts.jsonl", ["--precision", "bf16"], ranks: 2) == answers)
    }
  }

  /// What is written is computed from the file's numbers, also where embedding and head are torn apart.
  @Test(arguments: [("llama", "lora"), ("gpt2", "ia3"), ("t5", "lora"), ("bert", "dora")])
  func mergeWritesTheSameInEitherPrecision(family: String, adapter: String) throws {
    try MergeFolder.with(family, adapter) { folder in
      let single = try folder.merge(), expected = try Data(contentsOf: folder.file("out/model.safetensors"))
      try FileManager.default.removeItem(at: folder.file("out"))
      let half = try folder.merge(["--precision", "bf16"])
      #expect(try Data(contentsOf: folder.file("out/model.safetensors")) == expected)
      #expect(half.dtypes == single.dtypes && half.maps == single.maps)
      let probe = try #require(half.probe)
      #expect(probe.max_difference > 0 && probe.relativeDifference < 0.05)
    }
  }

  @Test func anEmbeddingOfTheAdaptersOwnLeavesTheHeadItsExactNumbers() throws {
    try MergeFolder.with("gpt2", "lora") { folder in
      let weights = try folder.weights("model"), table = "transformer.wte.weight"
      let values = try weights.array(table)
      try folder.set(["modules_to_save": ["wte"]], in: "adapter/adapter_config.json")
      try folder.put(
        ["base_model.model.\(table)": .init(try weights.info(table).shape, values.map { 0.5 * $0 })],
        in: "adapter/adapter_model.safetensors")
      let report = try folder.merge(["--precision", "bf16"]), merged = try folder.weights("out")
      #expect(report.untied)
      #expect(try merged.array("lm_head.weight") == values)
      #expect(try merged.array(table) == values.map { 0.5 * $0 })
    }
  }

  @Test func aWeightTooLargeForBF16IsSaidOnce() throws {
    try TrainFolder.with { folder in
      try folder.writeModel { $0["transformer.wte.weight"]?.values[3] = 3.4e38 }
      try folder.write([["input_ids": [5, 6], "labels": [-100, 6]]], to: "lines.jsonl")
      for ranks in 1...2 {
        let outcome = try PolyadProcess.run(
          ["score", "--model", "model", "--input", "lines.jsonl", "--precision", "bf16"], ranks: ranks, in: folder.url)
        #expect(outcome.exitCode == 4 && outcome.messages.count == 1, "\(outcome.standardError)")
        #expect(
          outcome.messages[0].hasSuffix(
            "model.safetensors: tensor 'transformer.wte.weight' holds numbers above 3.3895314e+38, which would be "
              + "infinite in bf16. Use the precision fp32."))
      }
    }
  }

  @Test(arguments: [
    ["score", "--model", "x", "--input", "y"], ["generate", "--model", "x", "--input", "y", "--max-new-tokens", "1"],
    ["merge", "--model", "x", "--adapter", "y", "--output", "z"], ["evaluate", "x.yaml"],
    ["inspect", "x", "--data", "y"],
  ])
  func anUnknownPrecisionIsRefused(verb: [String]) throws {
    let outcome = try withTemporaryFolder { try PolyadProcess.run(verb + ["--precision", "fp16"], in: $0) }
    #expect(outcome.exitCode == 2 && outcome.messages.count == 1)
    #expect(
      outcome.messages.first?.contains(
        "The value 'fp16' is invalid for '--precision <precision>'. Please provide one of 'fp32' and 'bf16'.") == true,
      "\(outcome.messages)")
  }

  @Test(arguments: [
    (["export", "--adapter", "x", "--task", "0", "--output", "y"], "Unknown option '--precision'"),
    (["prepare", "x.yaml"], "Unknown option '--precision'"),
    (["inspect", "x"], "--precision is for --data alone"),
  ])
  func verbsThatReadNoFrozenMatrixTakeNone(verb: [String], text: String) throws {
    let outcome = try withTemporaryFolder { try PolyadProcess.run(verb + ["--precision", "bf16"], in: $0) }
    #expect(outcome.exitCode == 2 && outcome.messages.count == 1)
    #expect(outcome.messages.first?.contains(text) == true, "\(outcome.messages)")
  }
}
