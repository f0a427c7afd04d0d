import Foundation
import TestSupport
import Testing

/// `train --paths`: what scripts learn of a run without starting it.
struct TrainPathsTests {
  private func paths(
    _ folder: TrainFolder, _ settings: [String] = [], options: [String] = [], ranks: Int = 1
  ) throws -> PolyadProcess.Outcome {
    try folder.train(ranks: ranks, settings, options: options + ["--paths"])
  }

  /// The lines of `key<TAB>value`.
  private func pairs(_ outcome: PolyadProcess.Outcome) -> [[String]] {
    outcome.standardOutput.split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
  }

  @Test func filesAndFoldersAreToldOnceWhateverTheRanks() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = """
        [{name: add, format: jsonl, train: add.jsonl, test: add.jsonl, source: "{text}", target: "{answer}"},
         {name: none, format: jsonl, train: none.jsonl, source: "{text}", target: "{answer}"},
         {name: sort, format: pretokenized, train: "builtin:arithmetic"}]
        """
      for ranks in [1, 2] {
        let outcome = try paths(folder, options: ["--resume"], ranks: ranks)
        #expect(outcome.exitCode == 0 && outcome.standardError.isEmpty, "\(outcome.standardError)")
        #expect(
          pairs(outcome) == [
            ["output_dir", folder.file("run").path], ["model", folder.file("model").path],
            ["data", folder.file("add.jsonl").path], ["data", folder.file("none.jsonl").path],
            ["micro_batches", "5"], ["finished", "no"],
          ])
      }
      #expect(!folder.exists("run"))
    }
  }

  @Test func whatIsNotThereIsToldToo() throws {
    try TrainFolder.with { folder in
      let outcome = try paths(
        folder, ["model_name_or_path=./gone", "tokenizer_name_or_path=./words", "adapter.init_from=./start"])
      let found = pairs(outcome)
      for (key, path) in [("model", "gone"), ("tokenizer", "words"), ("init_from", "start")] {
        #expect(found.contains([key, folder.file(path).path]), "\(outcome.standardOutput)\(outcome.standardError)")
      }
      let own = pairs(try paths(folder, ["model_name_or_path=builtin:tiny"]))
      #expect(own.contains { $0[0] == "model" && $0[1].hasSuffix("polyad_Training.resources/tiny") })
    }
  }

  @Test func aRecipesFaultIsCodeTwoAndTwoModesAreRefused() throws {
    try TrainFolder.with { folder in
      let fault = try paths(folder, ["train_batch_size=0"], ranks: 2)
      #expect(fault.exitCode == 2 && fault.standardOutput.isEmpty)
      #expect(fault.messages.count == 1 && fault.messages[0].contains("`train_batch_size`"), "\(fault.standardError)")
      let both = try paths(folder, options: ["--dry-run"])
      #expect(both.exitCode == 2 && both.messages[0].contains("--paths and --dry-run exclude each other"))
    }
  }

  /// A longer run, a damaged checkpoint and an adapter of other numbers leave something to do.
  @Test func theNewestGoodCheckpointAndTheEndAreSeen() throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "run", ["save_steps=3"])
      func check(_ settings: [String] = [], checkpoint: String, isFinished: Bool) throws {
        let outcome = try paths(folder, settings, options: ["--json"])
        let data = Data(outcome.standardOutput.utf8)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["newest_checkpoint"] as? String == folder.file("run/\(checkpoint)").path)
        #expect(object["finished"] as? Bool == isFinished)
        #expect(object["micro_batches"] as? Int == 5 && object["tokenizer"] is NSNull && object["init_from"] is NSNull)
        #expect(object["data"] as? [String] == ["add.jsonl", "copy.jsonl"].map { folder.file($0).path })
      }
      try check(checkpoint: "checkpoint-8", isFinished: true)
      try check(["max_steps=8"], checkpoint: "checkpoint-8", isFinished: true)
      try check(["max_steps=9"], checkpoint: "checkpoint-8", isFinished: false)
      // Looking changes nothing, not even what a crash left.
      let hidden = "run/.checkpoint-9.polyad-partial-0123456789abcdef"
      try FileManager.default.createDirectory(at: folder.file(hidden), withIntermediateDirectories: true)
      try Data().write(to: folder.file("run/checkpoint-8/optimizer.safetensors"))
      try check(checkpoint: "checkpoint-6", isFinished: false)
      #expect(folder.exists(hidden))
    }
  }
}
