import Foundation
import TestSupport
import Testing

/// A model of one's own need not fit the measurement: that is said, not measured.
struct BenchStepTests {
  private func run(
    _ folder: TrainFolder, _ options: [String], verb: String = "step"
  ) throws -> PolyadProcess.Outcome {
    let data = folder.file("instructions")
    try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
    let task: [String: Any] = [
      "Definition": ["Say it."], "Positive Examples": [[String: Any]](), "Negative Examples": [[String: Any]](),
      "Instances": (0..<3).map { ["id": "\($0)", "input": "word \($0)", "output": ["\($0)"]] as [String: Any] },
    ]
    try JSONSerialization.data(withJSONObject: task).write(to: data.appending(path: "task.json"))
    return try PolyadProcess.run(
      ["bench", verb, "--model", "model", "--data", data.path, "--tokenizer", "model"] + options, in: folder.url)
  }

  @Test func sequencesBeyondTheModelsPositionsAreRefused() throws {
    try TrainFolder.with { folder in
      let outcome = try run(folder, ["--max-length", "49"])
      #expect(outcome.exitCode == 2)
      #expect(
        outcome.messages == [
          "polyad: --max-length is 49, but the model has 48 positions: lower it to 48 or less"
        ])
    }
  }

  @Test func tokensBeyondTheModelsVocabularyAreFoldedIntoIt() throws {
    try TrainFolder.with { folder in
      try folder.writeModel(configuration: ["vocab_size": 256]) {
        for name in ["transformer.wte.weight", "lm_head.weight"] {
          $0[name] = .init(shape: [256, 16], values: Array($0[name]!.values.dropLast(16)))
        }
      }
      let outcome = try run(folder, ["--max-length", "48", "--batch", "3", "--steps", "1"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    }
  }

  @Test func fewerExamplesThanABatchAreRefused() throws {
    try TrainFolder.with { folder in
      let outcome = try run(folder, ["--max-length", "48"])
      #expect(outcome.exitCode == 2)
      #expect(outcome.messages.count == 1)
      #expect(
        outcome.messages.first?.contains("the data holds 3 examples, but one batch of all ranks needs 4") == true)
    }
  }

  @Test(arguments: ["fp32", "bf16"]) func thePhasesSumToTheStep(precision: String) throws {
    try TrainFolder.with { folder in
      let outcome = try run(
        folder, ["--max-length", "48", "--batch", "3", "--steps", "2", "--precision", precision, "--json"])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      let report = try #require(
        JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
      let phases = try #require(report["phase_seconds"] as? [String: Double])
      let seconds = try #require(report["seconds_per_step"] as? Double)
      // The same durations, divided by the steps one by one.
      #expect(abs(phases.values.reduce(0, +) - seconds) < 1e-9 * seconds)
      for name in ["embed", "linear", "attention", "adapter", "norms_and_activations", "head"] {
        #expect(phases[name]! > 0, "\(name)")
        if name != "embed" { #expect(phases[name + "_backward"]! > 0, "\(name)") }
      }
      #expect(report["precision"] as? String == precision)
      for key in ["tokens_per_second", "tokens_computed_per_second", "examples_per_second", "threads"] {
        #expect(report[key] as? Double ?? 0 > 0, "\(key)")
      }
      #expect((report["kernels"] as? String)?.contains("OpenBLAS") == true)
      #expect((report["peak_private_mib"] as? Double) ?? -1 >= 0)
    }
  }

  @Test func aPrecisionThatCannotBeIsRefused() throws {
    try TrainFolder.with { folder in
      let unknown = try run(folder, ["--precision", "fp16"])
      #expect(unknown.exitCode == 2)
      #expect(unknown.messages.count == 1 && unknown.messages[0].contains("'fp16' is invalid for '--precision"))
      #expect(unknown.messages[0].contains("fp32") && unknown.messages[0].contains("bf16"))
      let full = try run(folder, ["--precision", "bf16", "--method", "FULL"])
      #expect(full.exitCode == 2)
      #expect(
        full.messages == [
          "polyad: --precision bf16: --method FULL trains every array, in fp32; leave one of them out"
        ])
    }
  }

  @Test func aSmallModelIsMeasured() throws {
    try TrainFolder.with { folder in
      let outcome = try run(folder, ["--max-length", "48", "--batch", "3", "--steps", "2"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains("GFLOP/s a rank"))
    }
  }

  /// What a bench prints with --json.
  private func report(_ outcome: PolyadProcess.Outcome) throws -> [String: Any] {
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    return try #require(JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
  }

  @Test func sharedBeginningsAreComputedOnceInTheTrainersBatches() throws {
    try TrainFolder.with { folder in
      let options = ["--max-length", "48", "--batch", "3", "--steps", "2", "--json"]
      func rates(_ more: [String]) throws -> (ratio: Double, batches: String) {
        let report = try report(run(folder, options + more))
        let tokens = try #require(report["tokens_per_second"] as? Double)
        let computed = try #require(report["tokens_computed_per_second"] as? Double)
        return (tokens / computed, try #require(report["batches"] as? String))
      }
      // "Definition: Say it." and what is behind it up to the input, of three examples.
      let shared = try rates([])
      #expect(shared.ratio > 1.5 && shared.ratio < 3 && shared.batches == "mixture")
      let plain = try rates(["--share-prefixes", "false"])
      #expect(plain.ratio == 1 && plain.batches == "like_length")
      for (group, reason) in [
        ("4", "--group is 4, but a batch has 3 sequences: give a number from 1 to that"),
        (
          "2",
          "--group is 2, but nothing is shared, so batches are of like length: share_prefixes is false. Leave one of "
            + "them out"
        ),
      ] {
        let outcome = try run(folder, options + ["--share-prefixes", "false", "--group", group])
        #expect(outcome.exitCode == 2 && outcome.messages == ["polyad: \(reason)"])
      }
    }
  }

  @Test func everyPromptIsDecodedToTheSameLength() throws {
    try TrainFolder.with { folder in
      let options = ["--max-length", "48", "--new-tokens", "4", "--json"]
      let shared = try report(run(folder, options, verb: "generate"))
      let plain = try report(run(folder, options + ["--share-prefixes", "false"], verb: "generate"))
      for report in [shared, plain] {
        #expect(report["examples"] as? Int == 3 && report["new_tokens"] as? Int == 4)
        let (examples, tokens) = (report["examples_per_second"] as? Double, report["new_tokens_per_second"] as? Double)
        #expect(try abs(#require(tokens) / #require(examples) - 4) < 1e-9)
      }
      let tokens = try #require(plain["prompt_tokens"] as? Int)
      #expect(plain["prompt_tokens_computed"] as? Int == tokens && shared["prompt_tokens"] as? Int == tokens)
      #expect(try #require(shared["prompt_tokens_computed"] as? Int) < tokens * 2 / 3)
      let outcome = try run(folder, ["--max-length", "4", "--new-tokens", "4"], verb: "generate")
      #expect(outcome.exitCode == 2 && outcome.standardError.contains("--max-length is 4, but must be above"))
    }
  }
}
