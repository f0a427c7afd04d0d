import Foundation
import TestSupport
import Testing

struct EvaluateTests {
  private struct Report: Decodable {
    let adapter: String?
    let mean: [String: Double]
    let tasks: [String: [String: Double]]
    let examples: Int
  }

  private func evaluate(_ arguments: [String], ranks: Int = 1, in folder: URL) throws -> Report {
    let outcome = try PolyadProcess.run(["evaluate"] + arguments + ["--json"], ranks: ranks, in: folder)
    #expect(outcome.exitCode == 0)
    #expect(outcome.standardOutput.split(separator: "\n").count == 1)
    return try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8))
  }

  @Test func theBareModelAndATrainedAdapterAreScoredAlikeOnAnyNumberOfRanks() throws {
    try withTemporaryFolder { folder in
      let recipe = try CommandFixture.recipe(in: folder)
      let untrained = try PolyadProcess.run(["evaluate", recipe], in: folder)
      #expect(untrained.exitCode == 4)
      #expect(
        untrained.messages == [
          "polyad: \(folder.appending(path: "run").path) holds no trained adapter or model: train the recipe first, "
            + "or pass --adapter DIR; --base scores the bare model"
        ])
      let bare = try evaluate([recipe, "--base"], in: folder)
      #expect(bare.adapter == nil && bare.examples == 6)
      #expect(bare.mean == bare.tasks["say"])
      #expect(Set(bare.mean.keys) == ["exact_match", "rougeL", "perplexity"])
      #expect(try evaluate([recipe, "--adapter", "none"], ranks: 2, in: folder).tasks == bare.tasks)

      let training = try PolyadProcess.run(["train", recipe, "--set", "learning_rate=0.05"], in: folder)
      #expect(training.exitCode == 0)
      let trained = try evaluate([recipe, "--predictions", "answers.jsonl"], in: folder)
      #expect(trained.adapter?.hasSuffix("/run") == true)
      #expect(trained.mean["perplexity"] != bare.mean["perplexity"])
      let answers = try String(contentsOf: folder.appending(path: "answers.jsonl"), encoding: .utf8)
      #expect(answers.split(separator: "\n").count == 6)
      let evaluation = try String(contentsOf: folder.appending(path: "run/evaluation/2.json"), encoding: .utf8)
      let perplexity = try #require(trained.mean["perplexity"])
      #expect(evaluation.contains("\(perplexity)"))
    }
  }

  @Test func aFullyTrainedModelIsScoredFromItsOwnFolder() throws {
    try withTemporaryFolder { folder in
      let recipe = try CommandFixture.recipe(in: folder)
      let text = try String(contentsOfFile: recipe, encoding: .utf8)
      let full = try CommandFixture.write(
        text.replacingOccurrences(of: "peft_type: LORA, r: 2", with: "peft_type: FULL"), "full.yaml", in: folder)
      #expect(try PolyadProcess.run(["train", full], in: folder).exitCode == 0)
      let trained = try evaluate([full], in: folder)
      let perplexity = try #require(trained.mean["perplexity"])
      let evaluation = try String(contentsOf: folder.appending(path: "run/evaluation/2.json"), encoding: .utf8)
      #expect(evaluation.contains("\(perplexity)"))
    }
  }
}
