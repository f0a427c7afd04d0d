import Foundation
import TestSupport
import Testing

/// What a run leaves in its folder and on standard output.
struct TrainFilesTests {
  static let tasks = """
    [{name: add, format: jsonl, train: add.jsonl, test: add.jsonl, source: "{text}", target: "{answer}"},
     {name: copy, format: jsonl, train: copy.jsonl, test: copy.jsonl, source: "{text}", target: "{answer}",
      metrics: [exact_match]}]
    """

  @Test func aRunWritesItsFiles() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.tasks
      let outcome = try folder.train(ranks: 2, ["eval_steps=4", "logging_steps=3", "save_total_limit=1"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("run").path)
      let events = names.filter { $0.hasPrefix("events.out.tfevents.") }
      #expect(events.count == 1)
      #expect(
        Set(names).subtracting(events) == [
          "recipe.yaml", "metrics.jsonl", "train.log", "checkpoint-8", "evaluation", "predictions.jsonl",
          "adapter_config.json", "adapter_model.safetensors",
        ])
      #expect(folder.steps() == [3, 6, 8])
      try expectEvaluations(in: folder)
      try expectEvents(in: folder.file("run/\(events[0])"))
      let checkpoint = try FileManager.default.contentsOfDirectory(atPath: folder.file("run/checkpoint-8").path)
      #expect(
        Set(checkpoint) == [
          "adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors", "trainer_state.json",
          "manifest.json",
        ])
      let log = try String(contentsOf: folder.file("run/train.log"), encoding: .utf8)
      for text in ["2 rank(s)", "c_attn", "step 8/8", "saved ", "perplexity"] { #expect(log.contains(text), "\(text)") }
      // The resolved recipe makes the same run again.
      let again = try PolyadProcess.run(
        ["train", "run/recipe.yaml", "--set", "output_dir=again"], in: folder.url)
      #expect(again.exitCode == 0, "\(again.standardError)")
      #expect(try folder.weights(of: "again") == folder.weights(of: "run"))
    }
  }

  private func expectEvaluations(in folder: TrainFolder) throws {
    for step in [4, 8] {
      let line = try #require(folder.lines(of: "run/evaluation/\(step).json").first)
      let eval = try #require(line["eval"] as? [String: Any])
      let tasks = try #require(eval["tasks"] as? [String: [String: Double]])
      let mean = try #require(eval["mean"] as? [String: Double])
      #expect(line["step"] as? Int == step)
      #expect(Set(tasks["add"]!.keys) == ["exact_match", "rougeL", "perplexity"])
      #expect(Set(tasks["copy"]!.keys) == ["exact_match", "perplexity"])
      #expect(abs(mean["perplexity"]! - (tasks["add"]!["perplexity"]! + tasks["copy"]!["perplexity"]!) / 2) < 1e-9)
    }
    let predictions = folder.lines(of: "run/predictions.jsonl")
    #expect(
      predictions.compactMap { $0["task"] as? String } == Array(repeating: "add", count: 11)
        + Array(repeating: "copy", count: 6))
    for line in predictions {
      #expect(line["prediction"] is String && (line["references"] as? [String])?.count == 1 && line["id"] is String)
      #expect((line["loss_sum"] as? Double)! > 0 && (line["label_count"] as? Int)! > 1)
    }
    let evaluations = folder.lines(of: "run/metrics.jsonl").filter { $0["eval"] != nil }
    #expect(evaluations.compactMap { $0["step"] as? Int } == [4, 8])
  }

  /// The TensorBoard file's records (length, its checksum, data, theirs) end where the file ends.
  private func expectEvents(in file: URL) throws {
    var bytes = try Data(contentsOf: file)[...]
    var tags: Set<String> = []
    var count = 0
    while !bytes.isEmpty {
      let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      try #require(bytes.count >= length + 16)
      let text = String(decoding: bytes.dropFirst(12).prefix(length), as: UTF8.self)
      for tag in ["brain.Event:2", "train/loss", "train/add/loss", "eval/copy/exact_match"] where text.contains(tag) {
        tags.insert(tag)
      }
      bytes = bytes.dropFirst(length + 16)
      count += 1
    }
    #expect(count == 1 + 3 + 2 && tags.count == 4)
  }

  @Test func aDryRunWritesNothing() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.tasks
      let outcome = try folder.train(ranks: 2, options: ["--dry-run", "--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(!folder.exists("run"))
      let result = try object(outcome.standardOutput)
      #expect(result["steps"] as? Int == 8 && result["steps_per_epoch"] as? Int == 3 && result["ranks"] as? Int == 2)
      // c_attn (16 to 48) and both c_proj (16 and 64 to 16) in two layers, with r = 4.
      #expect(result["trainable_parameters"] as? Int == 2 * 4 * ((16 + 48) + (16 + 16) + (64 + 16)))
      let tasks = try #require(result["tasks"] as? [[String: Any]])
      #expect(tasks.compactMap { $0["examples"] as? Int } == [11, 6])

      let text = try folder.train(options: ["--dry-run"])
      #expect(text.standardOutput.contains("8 steps, 2.667 epochs"), "\(text.standardOutput)")
      #expect(text.standardError.contains("c_attn"))
      #expect(!folder.exists("run"))
    }
  }

  @Test func jsonIsOneObjectOnStandardOutput() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.tasks
      let outcome = try folder.train(ranks: 2, options: ["--json"])
      let result = try object(outcome.standardOutput)
      #expect(result["output_dir"] as? String == folder.file("run").path)
      #expect(result["steps"] as? Int == 8 && result["completed"] as? Bool == true)
      #expect(((result["evaluation"] as? [String: Any])?["eval"] as? [String: Any])?["mean"] is [String: Any])
    }
  }

  private func object(_ text: String) throws -> [String: Any] {
    #expect(text.split(separator: "\n").count == 1)
    return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// An evaluation that a signal broke off, or a crash, is made up for.
  @Test func aMissingEvaluationIsMadeUpForOnResuming() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.tasks
      _ = try folder.trained(ranks: 1, as: "run")
      let predictions = try Data(contentsOf: folder.file("run/predictions.jsonl"))
      try FileManager.default.removeItem(at: folder.file("run/evaluation/8.json"))
      try FileManager.default.removeItem(at: folder.file("run/predictions.jsonl"))
      let outcome = try folder.train(ranks: 3, options: ["--resume"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(folder.exists("run/evaluation/8.json"))
      // The ranks share the work without a trace.
      #expect(try Data(contentsOf: folder.file("run/predictions.jsonl")) == predictions)
    }
  }

  @Test func overwriteReplacesARunAndNothingElse() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.tasks
      _ = try folder.trained(ranks: 1, as: "run", ["adapter={peft_type: FULL}"])
      try Data("mine".utf8).write(to: folder.file("run/notes.txt"))
      let outcome = try folder.train(["max_steps=3", "save_steps=null"], options: ["--overwrite"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("run").path)
      #expect(
        Set(names.filter { !$0.hasPrefix("events.out.tfevents.") }) == [
          "recipe.yaml", "metrics.jsonl", "train.log", "checkpoint-3", "evaluation", "predictions.jsonl", "notes.txt",
          "adapter_config.json", "adapter_model.safetensors",
        ])
      #expect(names.count { $0.hasPrefix("events.out.tfevents.") } == 1)
      #expect(folder.steps() == [1, 2, 3])
    }
  }

  /// FULL writes a folder that the next run can start from, with the projection tied as it was.
  @Test(arguments: [true, false])
  func aFullRunWritesAModelFolder(isTied: Bool) throws {
    try TrainFolder.with { folder in
      try folder.writeModel(configuration: ["tie_word_embeddings": isTied]) {
        if isTied { $0["lm_head.weight"] = nil }
      }
      _ = try folder.trained(ranks: 2, as: "run", ["adapter={peft_type: FULL}"])
      let weights = try TensorFile(folder.file("run/model.safetensors")).tensors
      #expect((weights["lm_head.weight"] == nil) == isTied)
      #expect(folder.exists("run/config.json") && folder.exists("run/tokenizer.json"))
      #expect(try folder.train(["model_name_or_path=run", "output_dir=next"]).exitCode == 0)
    }
  }
}
