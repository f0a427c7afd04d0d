import Foundation
import TestSupport
import Testing

/// Losses and gradients that are not finite.
struct TrainNonFiniteTests {
  /// One example holds a token whose embedding is not a number: its batch does nothing, the others count.
  @Test func aBatchThatIsNotFiniteIsSkippedAndCounted() throws {
    try TrainFolder.with { folder in
      try folder.writeModel { $0["transformer.wte.weight"]!.values[126 * 16] = .nan }  // the token of "~"
      try folder.write((0..<16).map { ["text": $0 == 5 ? "~ " : "\($0) ", "answer": "\($0)"] }, to: "add.jsonl")
      folder.recipe["tasks"] = """
        [{name: add, format: jsonl, train: add.jsonl, source: "{text}", target: "{answer}"}]
        """
      folder.recipe["num_train_epochs"] = "3"
      let outcome = try folder.train(ranks: 2, ["save_steps=1"], options: ["--json"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains("\"skipped_steps\": 3"))
      #expect(outcome.standardError.contains("loss or gradient is not finite; the step is skipped (3 so far)"))

      let lines = folder.lines(of: "run/metrics.jsonl")
      #expect(lines.count == 6 && lines.last?["skipped_steps"] as? Int == 3)
      #expect(lines.filter { $0["loss"] is NSNull }.count == 3)
      let weights = try TensorFile(folder.file("run/adapter_model.safetensors"))
      #expect(weights.tensors.allSatisfy { $0.value.values.allSatisfy(\.isFinite) })
      // A checkpoint right after a skipped step is left out, the last one aside.
      let skipped = lines.filter { $0["loss"] is NSNull }.compactMap { $0["step"] as? Int }
      for step in 1...5 { #expect(folder.exists("run/checkpoint-\(step)") == !skipped.contains(step)) }
      #expect(folder.exists("run/checkpoint-6"))

      #expect(try folder.trained(ranks: 1, as: "alone") == folder.weights(of: "run"))
    }
  }

  @Test func tenSkippedStepsInARowEndTheRunWithItsCheckpointKept() throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "run", ["max_steps=2"])
      let checkpoint = try contents(of: folder.file("run/checkpoint-2"))
      // The same run, on a machine whose copy of the model is spoilt.
      try folder.writeModel { $0["transformer.ln_f.bias"]!.values[0] = .infinity }
      let outcome = try folder.train(
        ranks: 2, ["max_steps=100", "save_steps=1", "save_total_limit=1"], options: ["--resume"])
      #expect(outcome.exitCode == 4)
      #expect(outcome.messages.count == 1, "\(outcome.standardError)")
      #expect(
        outcome.messages[0].hasSuffix(
          "stopped at step 12: 10 steps in a row had a loss or gradient that is NaN or infinite; lower learning_rate "
            + "or look at the data. The last good checkpoint is \(folder.file("run/checkpoint-2").path); continue "
            + "from it with --resume"), "\(outcome.messages)")
      #expect(folder.steps() == Array(1...12))
      #expect(try contents(of: folder.file("run/checkpoint-2")) == checkpoint)
      #expect(!folder.exists("run/checkpoint-12"))
    }
  }

  @Test func numbersThatBecomeInfiniteAreNotSaved() throws {
    try TrainFolder.with { folder in
      // Adam's first step is the learning rate, whatever the gradient: beyond what fp32 holds.
      let outcome = try folder.train(ranks: 2, ["save_steps=1", "learning_rate=1.0e+39"])
      #expect(outcome.exitCode == 4)
      #expect(outcome.messages.count == 1, "\(outcome.standardError)")
      #expect(
        outcome.messages[0].hasSuffix(
          "stopped at step 1: trained numbers have become NaN or infinite and are not saved; lower learning_rate. "
            + "No checkpoint was saved before"), "\(outcome.messages)")
      #expect(!folder.exists("run/checkpoint-1"))
    }
  }

  /// Evaluation, too, has no number for such a model, and says so.
  @Test func anEvaluationWithoutFiniteLossesIsWritten() throws {
    try TrainFolder.with { folder in
      try folder.writeModel { $0["transformer.ln_f.bias"]!.values[0] = .nan }
      folder.recipe["tasks"] = """
        [{name: copy, format: jsonl, train: copy.jsonl, test: copy.jsonl, source: "{text}", target: "{answer}"}]
        """
      let outcome = try folder.train(ranks: 2, ["eval_on_start=true", "max_steps=1"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let line = try #require(folder.lines(of: "run/evaluation/0.json").first)
      let mean = try #require((line["eval"] as? [String: Any])?["mean"] as? [String: Any])
      #expect(mean["perplexity"] is NSNull && mean["exact_match"] as? Double == 0)
      #expect(folder.lines(of: "run/predictions.jsonl").count == 6)
    }
  }

  private func contents(of folder: URL) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return try Dictionary(uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: folder.appending(path: $0))) })
  }
}
