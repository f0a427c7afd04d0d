import Foundation
import TestSupport
import Testing

/// What `train --dry-run` and `prepare` say of beginnings that are computed once, and what a recipe can ask for.
struct SharedBeginningsTests {
  private struct Sharing: Decodable {
    struct Task: Decodable {
      let name: String
      let examples, tokens, tokens_computed, common_beginning: Int
      let ratio: Double
      let reason: String?
    }
    let steps, steps_per_epoch, tokens, tokens_computed: Int
    let ratio: Double
    let tasks: [Task]
  }

  private struct Summary: Decodable {
    let sharing: Sharing
  }

  private static let noDropout = "adapter.lora_dropout=0"

  /// Runs `body` in a folder with a task of 12 prompts that begin alike and one of 6 that do not.
  private func with(_ body: (inout TrainFolder) throws -> Void) throws {
    try TrainFolder.with { folder in
      try folder.write(
        (0..<12).map { ["text": "Add up these: \($0) + \($0 * 3) = ", "answer": "\($0 * 4)"] }, to: "add.jsonl")
      let words = ["one", "two", "three", "fourteen", "five", "sixty-six"]
      try folder.write(words.map { ["text": "\($0) ", "answer": $0] }, to: "copy.jsonl")
      try body(&folder)
    }
  }

  private func sharing(_ folder: TrainFolder, _ settings: [String]) throws -> Sharing {
    let outcome = try folder.train(settings, options: ["--dry-run", "--json"])
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    return try #require(try CommandFixture.decode(Summary.self, lines: outcome.standardOutput).first).sharing
  }

  @Test func aDryRunCountsTokensAndThoseComputed() throws {
    try with { folder in
      let whole = ["train_batch_size=18", "micro_batches=1"]
      let sharing = try sharing(folder, whole + [Self.noDropout])
      #expect(sharing.steps == 1 && sharing.steps_per_epoch == 1)
      #expect(sharing.tasks.map(\.name) == ["add", "copy"] && sharing.tasks.map(\.examples) == [12, 6])
      let (add, copy) = (sharing.tasks[0], sharing.tasks[1])
      #expect(sharing.tokens == add.tokens + copy.tokens)
      #expect(sharing.tokens_computed == add.tokens_computed + copy.tokens_computed)
      #expect(sharing.ratio == Double(sharing.tokens) / Double(sharing.tokens_computed))
      // Eleven of the twelve do without what all begin with; those that go on alike share more.
      #expect(add.common_beginning > 5)
      #expect(add.tokens_computed <= add.tokens - 11 * add.common_beginning)
      #expect(add.reason == nil && add.ratio > 1.5)
      #expect(copy.tokens_computed == copy.tokens && copy.common_beginning == 0)
      #expect(copy.reason == "its examples begin differently")

      // One example a part: none meets another of its task.
      let alone = try self.sharing(folder, ["train_batch_size=1", "micro_batches=1", Self.noDropout])
      #expect(alone.tokens == sharing.tokens && alone.tokens_computed == alone.tokens)
      #expect(alone.tasks[0].reason == "seldom two in a part; mixing: {group: k} draws more together")
      let small = ["train_batch_size=3", "micro_batches=1", Self.noDropout]
      let grouped = try self.sharing(folder, small + ["mixing.group=3"])
      #expect(grouped.tokens == sharing.tokens)
      let scattered = try self.sharing(folder, small)
      #expect(grouped.tokens_computed < scattered.tokens_computed)
    }
  }

  @Test func whatIsDrawnForEachExampleIsToldAndMayBeDrawnOnce() throws {
    try with { folder in
      let whole = ["train_batch_size=18", "micro_batches=1"]
      let remedy = "draws for each example; share_prefixes: true shares all the same"
      for (settings, reason) in [
        ([], "lora_dropout \(remedy)"), ([Self.noDropout, "share_prefixes=false"], "share_prefixes is false"),
        (["adapter={peft_type: POLY, r: 2}"], "router_noise \(remedy)"),
      ] {
        let sharing = try sharing(folder, whole + settings)
        #expect(sharing.tokens_computed == sharing.tokens && sharing.ratio == 1)
        #expect(sharing.tasks.allSatisfy { $0.reason == reason }, "\(reason)")
      }
      #expect(try sharing(folder, whole + ["share_prefixes=true"]).ratio > 1.2)
      #expect(try sharing(folder, whole + ["adapter={peft_type: POLY, r: 2}", "router_noise=false"]).ratio > 1.2)
    }
  }

  @Test func tablesSayTheSame() throws {
    try with { folder in
      folder.recipe["adapter"] = "{peft_type: LORA, r: 2}"
      let dry = try folder.train(["train_batch_size=18", "micro_batches=1"], options: ["--dry-run"])
      let prepared = try PolyadProcess.run(
        ["prepare", "recipe.yaml", "--set", "train_batch_size=18", "--set", "micro_batches=1"], in: folder.url)
      let lines = prepared.standardOutput.split(separator: "\n").map(String.init)
      let heading = try #require(lines.first)
      #expect(heading.contains("computed") && heading.hasSuffix("shares nothing, since"))
      let row = try #require(lines.first { $0.hasPrefix("copy") })
      #expect(row.hasSuffix("its examples begin differently"))
      #expect(lines.contains { $0.hasPrefix("an epoch") })
      #expect(Set(dry.standardOutput.split(separator: "\n").map(String.init)).isSuperset(of: lines.prefix(5)))

      // JSON lines are examples alone; of a test split nothing is trained on.
      let json = try PolyadProcess.run(["prepare", "recipe.yaml", "--json"], in: folder.url)
      #expect(json.standardOutput.split(separator: "\n").count == 18)
      #expect(json.standardError.contains("its examples begin differently"))
      folder.recipe["tasks"] = TrainFilesTests.tasks
      try folder.writeRecipe()
      let test = try PolyadProcess.run(["prepare", "recipe.yaml", "--split", "test"], in: folder.url)
      #expect(test.exitCode == 0 && !test.standardOutput.contains("computed"), "\(test.standardError)")
    }
  }

  /// T5 and BERT share nothing, which `auto` takes and `true` does not.
  @Test(arguments: ["t5", "bert"]) func encodersShareNothing(family: String) throws {
    try FamilyFolder.with(family) { folder in
      let tasks = (0..<2).map { "{name: t\($0), format: pretokenized, train: \($0).jsonl, test: \($0).jsonl}" }
      _ = try CommandFixture.write(
        """
        model_name_or_path: model
        output_dir: run
        adapter: {peft_type: LORA, r: 2}
        tasks: [\(tasks.joined(separator: ", "))]
        max_seq_length: 64
        train_batch_size: 2
        """, "recipe.yaml", in: folder.url)
      let outcome = try folder.run(["train", "recipe.yaml", "--dry-run", "--json"])
      let sharing = try #require(try CommandFixture.decode(Summary.self, lines: outcome.standardOutput).first).sharing
      let reason = "the encoder reads prompts in both directions"
      #expect(sharing.tasks.allSatisfy { $0.reason == reason } && sharing.ratio == 1)
      #expect(try folder.run(["prepare", "recipe.yaml"]).standardOutput.contains(reason))
      for verb in [["train"], ["train", "--dry-run"], ["prepare"], ["evaluate", "--base"]] {
        let refused = try PolyadProcess.run(verb + ["recipe.yaml", "--set", "share_prefixes=true"], in: folder.url)
        #expect(refused.exitCode == 2)
        #expect(
          refused.messages == [
            "polyad: `share_prefixes` is true (--set); it must be auto or false, since the model's encoder reads "
              + "prompts in both directions: no two have a row in common"
          ], "\(verb)")
      }
    }
  }

  /// Ranks, threads, stops and starts change no byte where beginnings are shared, groups are drawn and noise is drawn once for those that share.
  @Test(arguments: [
    ["adapter.lora_dropout=0", "mixing.group=4"], ["share_prefixes=true", "mixing.group=4"],
    ["adapter={peft_type: C_POLY, r: 2}", "share_prefixes=true"],
  ])
  func ranksThreadsAndStopsChangeNothing(settings: [String]) throws {
    try with { folder in
      let settings = settings + ["micro_batches=3", "max_steps=4", "save_steps=2"]
      let one = try folder.trained(ranks: 1, as: "one", settings)
      #expect(try folder.trained(ranks: 3, as: "three", settings) == one)
      let threaded = try folder.train(settings + ["output_dir=threads"], shell: "export POLYAD_THREADS=2")
      #expect(threaded.exitCode == 0, "\(threaded.standardError)")
      #expect(try folder.weights(of: "threads") == one)
      for name in ["checkpoint-4", "adapter_model.safetensors"] {
        try FileManager.default.removeItem(at: folder.file("three/\(name)"))
      }
      let resumed = try folder.train(ranks: 2, settings + ["output_dir=three"], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(resumed.standardError.contains("at step 2 of 4"))
      #expect(try folder.weights(of: "three") == one)
      #expect(try folder.trained(ranks: 1, as: "unshared", settings + ["share_prefixes=false"]) != one)
    }
  }
}
