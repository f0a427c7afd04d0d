import Foundation
import TestSupport
import Testing

/// Test sets and data that are odd but no error: the run goes on and says what it made of them.
struct TrainEvaluationTests {
  static let task = """
    [{name: add, format: jsonl, train: add.jsonl, test: test.jsonl, source: "{text}", target: "{answer}"}]
    """

  @Test func anEmptyPromptHasAnEmptyPrediction() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.task
      let lines = [["text": "", "answer": "a"], ["text": "b", "answer": "c"]]
      try folder.write(lines, to: "test.jsonl")
      try folder.write(lines, to: "add.jsonl")
      let outcome = try folder.train(ranks: 2)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let predictions = folder.lines(of: "run/predictions.jsonl")
      #expect(predictions.count == 2 && predictions[0]["prediction"] as? String == "")
    }
  }

  /// A prompt is cut by max_target_length alone; a long answer ends where the sequence does.
  @Test func answersMayFillTheSequence() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.task
      try folder.write([["text": "2 + 2 = ", "answer": "4"]], to: "test.jsonl")
      let outcome = try folder.train(["max_new_tokens=47", "max_steps=1"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(!outcome.standardError.contains("cut"))
      #expect(folder.lines(of: "run/predictions.jsonl").count == 1)
    }
  }

  @Test func preTokenizedPromptsLeaveRoomForTheAnswer() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = "[{name: ids, format: pretokenized, train: ids.jsonl, test: ids.jsonl}]"
      let inputs = (0..<48).map { $0 }
      try folder.write([["input_ids": inputs, "labels": inputs.map { $0 < 46 ? -100 : $0 }]], to: "ids.jsonl")
      let outcome = try folder.train(["max_steps=1", "train_batch_size=1", "micro_batches=1"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(
        outcome.standardError.contains(
          "ids (test): 1 of 1 prompts are cut to 36 tokens, since max_seq_length leaves no more"))
    }
  }

  /// Standard output has it, so standard error need not; train.log keeps it all the same.
  @Test func theLastScoresAreShownOnce() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.task
      try folder.write([["text": "2 + 2 = ", "answer": "4"]], to: "test.jsonl")
      func count(_ text: String) -> Int { text.components(separatedBy: "perplexity").count - 1 }
      let outcome = try folder.train(["max_new_tokens=4", "max_steps=2", "eval_steps=1"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(count(outcome.standardOutput) == 1 && count(outcome.standardError) == 1)
      #expect(try count(String(contentsOf: folder.file("run/train.log"), encoding: .utf8)) == 2)
    }
  }

  @Test func withoutATokenizerTestSetsAreNotScored() throws {
    try TrainFolder.with { folder in
      try FileManager.default.removeItem(at: folder.file("model/tokenizer.json"))
      folder.recipe["tasks"] = "[{name: ids, format: pretokenized, train: ids.jsonl, test: ids.jsonl}]"
      try folder.write([["input_ids": [1, 2, 3], "labels": [-100, 2, 3]]], to: "ids.jsonl")
      let outcome = try folder.train(["max_steps=1", "train_batch_size=1", "micro_batches=1"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("there is no tokenizer, so the test sets are not scored"))
      #expect(!folder.exists("run/evaluation"))
    }
  }

  @Test func sequencesBeyondTheModelsPositionsAreCutAndCounted() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = "[{name: ids, format: pretokenized, train: ids.jsonl}]"
      let inputs = (0..<100).map { $0 }
      try folder.write([["input_ids": inputs, "labels": inputs.map { $0 < 90 ? -100 : $0 }]], to: "ids.jsonl")
      let outcome = try folder.train(["max_steps=1"], options: ["--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("ids (train): 1 of 1 prompts are cut to fit max_seq_length"))
      #expect(folder.lines(of: "run/metrics.jsonl").first?["tokens"] as? Int == 48)
    }
  }

  /// A line's own task decides which loss it counts for.
  @Test func linesOfOneFileMayNameTheirTasks() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = """
        [{name: ids, format: pretokenized, train: ids.jsonl},
         {name: copy, format: jsonl, train: copy.jsonl, source: "{text}", target: "{answer}"}]
        """
      let line: [String: Any] = ["input_ids": [1, 2, 3], "labels": [-100, 2, 3]]
      try folder.write([line.merging(["task": 1]) { $1 }, line.merging(["task": "copy"]) { $1 }], to: "ids.jsonl")
      let outcome = try folder.train(ranks: 2, ["max_steps=1"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let losses = try #require(folder.lines(of: "run/metrics.jsonl").first?["task_loss"] as? [String: Double])
      #expect(Set(losses.keys) == ["copy"])
    }
  }

  @Test func aSavedModuleThatWasTiedResumesExactly() throws {
    try TrainFolder.with { folder in
      try folder.writeModel(configuration: ["tie_word_embeddings": true]) { $0["lm_head.weight"] = nil }
      folder.recipe["adapter"] = "{peft_type: LORA, r: 2, target_modules: [c_attn], modules_to_save: [lm_head]}"
      _ = try folder.trained(ranks: 2, as: "run", ["max_steps=3"])
      #expect(try folder.train(["max_steps=8"], options: ["--resume"]).exitCode == 0)
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 3, as: "unbroken", ["max_steps=8"]))
      let names = try TensorFile(folder.file("run/adapter_model.safetensors")).tensors.keys
      #expect(names.contains { $0.contains("lm_head") } && !names.contains { $0.contains("wte") })
    }
  }

  @Test func aSignalDuringAnEvaluationStopsItAndResumingRepeatsIt() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.task
      try folder.write((0..<4000).map { ["text": "\($0)", "answer": "4"] }, to: "test.jsonl")
      folder.recipe["eval_on_start"] = "true"
      let run = try folder.start(ranks: 2, ["max_new_tokens=40"])
      #expect(
        run.waits {
          (try? String(contentsOf: folder.file("run/train.log"), encoding: .utf8))?.contains("c_attn") ?? false
        })
      for rank in run.rankProcesses { kill(rank, SIGTERM) }
      let stopped = try run.wait()
      #expect(stopped.exitCode == 75, "\(stopped.standardError)")
      #expect(folder.exists("run/checkpoint-0") && !folder.exists("run/evaluation") && folder.steps().isEmpty)

      let few = ["tasks.0.max_test_examples=3"]
      let resumed = try folder.train(few, options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(folder.exists("run/evaluation/0.json"))
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 1, as: "unbroken", few))
    }
  }
}
