import Foundation
import TestSupport
import Testing

/// Real Super-NaturalInstructions tasks, from their files to scores.
@Suite(.enabled(if: SharedFolder.isPresent, Comment(rawValue: SharedFolder.absence)))
struct TrainInstructionTests {
  @Test func twoTasksAreTrainedAndScored() throws {
    try withTemporaryFolder { folder in
      let data = SharedFolder.url.appending(path: "data/super-natural-instructions")
      let names = try FileManager.default.contentsOfDirectory(atPath: data.appending(path: "train").path)
        .filter { $0.hasSuffix(".json") }.sorted().prefix(2)
      let tasks = names.enumerated().map { index, name in
        """
          - {name: task\(index), format: super_natural_instructions, train: \(data.path)/train/\(name),
             test: \(data.path)/test/\(name), positive_examples: 0, max_train_examples: 24, max_test_examples: 5}
        """
      }
      // Longer prompts than the small model has positions are cut.
      let recipe = """
        model_name_or_path: \(CommandFixture.model.path)
        output_dir: run
        adapter: {peft_type: LORA, r: 4, target_modules: [c_attn]}
        tasks:
        \(tasks.joined(separator: "\n"))
        max_seq_length: 128
        max_target_length: 16
        train_batch_size: 8
        micro_batches: 4
        max_steps: 24
        learning_rate: 0.02
        warmup_ratio: 0.1
        logging_steps: 6
        """
      try Data(recipe.utf8).write(to: folder.appending(path: "recipe.yaml"))
      let outcome = try PolyadProcess.run(["train", "recipe.yaml", "--json"], ranks: 2, in: folder)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("prompts are cut to fit max_seq_length"))

      let result = try #require(
        try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
      let eval = (result["evaluation"] as? [String: Any])?["eval"] as? [String: Any]
      let scores = try #require(eval?["tasks"] as? [String: [String: Double]])
      #expect(Set(scores.keys) == ["task0", "task1"])
      #expect(scores.values.allSatisfy { Set($0.keys) == ["exact_match", "rougeL", "perplexity"] })

      let metrics = try String(contentsOf: folder.appending(path: "run/metrics.jsonl"), encoding: .utf8)
      let losses = try metrics.split(separator: "\n").compactMap {
        (try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["loss"] as? Double
      }
      // A random model begins near log 512 = 6.2 nats; the answers' few words are learned quickly.
      #expect(losses.count == 4 && losses[0] > 4 && losses[3] < losses[0] - 0.5, "\(losses)")
    }
  }
}
