import Checkpoints
import Foundation
import TestSupport
import Testing

/// Label sets as text-to-text, through the commands.
struct RankClassificationTests {
  private struct Prediction: Decodable {
    let prediction: String
    let references: [String]
    let loss_sum: Double
    let label_count: Int
    let label_scores: [String: Double]?
  }

  private struct Score: Decodable {
    let loss_sum: Double
    let label_count: Int
  }

  private struct Report: Decodable {
    let mean: [String: Double]
  }

  private static let labels = ["no", "maybe so", "yes"]
  private static let task = """
    [{name: say, format: jsonl, train: say.jsonl, test: say.jsonl, source: "{text}", target: "{answer}",
      labels: [\(labels.joined(separator: ", "))], prediction: rank_classification}]
    """

  /// A folder with the task, for a small GPT-2 or T5; the longer prompts are cut.
  private func with(t5: Bool = false, _ body: (inout TrainFolder) throws -> Void) throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = Self.task
      try folder.write(
        (0..<11).map { ["text": String(repeating: "word \($0) ", count: 1 + $0), "answer": Self.labels[$0 % 3]] },
        to: "say.jsonl")
      if t5 {
        let fixture = try Fixtures.url("backbones/t5")
        for name in ["config.json", "model.safetensors"] {
          try FileManager.default.removeItem(at: folder.file("model/\(name)"))
          try FileManager.default.copyItem(at: fixture.appending(path: name), to: folder.file("model/\(name)"))
        }
        folder.recipe["adapter"] = "{peft_type: LORA, r: 2}"
      }
      try body(&folder)
    }
  }

  private func evaluate(
    _ folder: TrainFolder, ranks: Int = 1, _ settings: [String] = []
  ) throws -> (report: Report, lines: String, predictions: [Prediction]) {
    try folder.writeRecipe()
    let outcome = try PolyadProcess.run(
      ["evaluate", "recipe.yaml", "--base", "--predictions", "answers.jsonl", "--json"]
        + settings.flatMap { ["--set", $0] }, ranks: ranks, in: folder.url)
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    let lines = try String(contentsOf: folder.file("answers.jsonl"), encoding: .utf8)
    return (
      try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8)), lines,
      try CommandFixture.decode(Prediction.self, lines: lines)
    )
  }

  /// Each label's loss behind each prompt, as `score` computes it.
  private func scores(_ folder: TrainFolder, promptRoom: Int) throws -> [[Score]] {
    let lines = (0..<11).flatMap { number in
      // A byte is a token of the small tokenizer.
      let prompt = String(String(repeating: "word \(number) ", count: 1 + number).prefix(promptRoom))
      return Self.labels.map { ["source": prompt, "target": $0] }
    }
    try folder.write(lines, to: "candidates.jsonl")
    let outcome = try PolyadProcess.run(["score", "--model", "model", "--input", "candidates.jsonl"], in: folder.url)
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    let scores = try CommandFixture.decode(Score.self, lines: outcome.standardOutput)
    return (0..<11).map { Array(scores[$0 * 3..<$0 * 3 + 3]) }
  }

  private func check(_ folder: TrainFolder, promptRoom: Int) throws {
    let scores = try scores(folder, promptRoom: promptRoom)
    for isNormalized in [false, true] {
      let settings = ["tasks.0.length_normalize=\(isNormalized)"]
      let one = try evaluate(folder, settings), two = try evaluate(folder, ranks: 2, settings)
      #expect(one.lines == two.lines && one.report.mean == two.report.mean)
      #expect(Set(one.report.mean.keys) == ["exact_match", "accuracy", "perplexity"])
      for (number, (answer, losses)) in zip(one.predictions, scores).enumerated() {
        let expected = losses.map { -$0.loss_sum / (isNormalized ? Double($0.label_count) : 1) }
        let found = try Self.labels.map { try #require(answer.label_scores?[$0]) }
        // Other batches add rows in another order.
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-3 }, "\(found) \(expected)")
        #expect(answer.prediction == Self.labels[found.firstIndex(of: found.max()!)!])
        #expect(abs(answer.loss_sum - losses[number % 3].loss_sum) < 1e-3)
        #expect(answer.label_count == losses[number % 3].label_count)
      }
      let hits = one.predictions.count { $0.prediction == $0.references[0] }
      #expect(abs(one.report.mean["accuracy"]! - 100 * Double(hits) / 11) < 1e-9)
    }
    // Generation sees the same prompts and weighs the same answers.
    let generated = try evaluate(folder, ["tasks.0.prediction=generation"])
    let ranked = try evaluate(folder)
    #expect(generated.predictions.allSatisfy { $0.label_scores == nil })
    #expect(abs(generated.report.mean["perplexity"]! / ranked.report.mean["perplexity"]! - 1) < 1e-5)
  }

  @Test func aDecodersLabelsAreScoredBehindThePrompt() throws {
    try with { try check($0, promptRoom: 48 - 12) }
  }

  @Test
  func anEncoderDecodersLabelsAreScoredAsTargets() throws {
    try with(t5: true) { try check($0, promptRoom: 48) }
  }

  @Test func aRunSaysThatLabelsAreRankedAndScoresThem() throws {
    try with { folder in
      let dry = try folder.train(options: ["--dry-run", "--json"])
      #expect(dry.standardOutput.contains(#""prediction": "rank_classification""#), "\(dry.standardOutput)")
      let outcome = try folder.train(ranks: 2, ["max_steps=1", "tasks.0.length_normalize=true"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("note: say (test): the answer is the likeliest of 3 labels by token"))
      #expect(folder.lines(of: "run/predictions.jsonl").allSatisfy { $0["label_scores"] != nil })
    }
  }

  @Test func aLabelThatWouldBeCutIsAFaultOfTheData() throws {
    try with { folder in
      let outcome = try folder.train(ranks: 2, ["max_target_length=8"])
      #expect(outcome.exitCode == 3)
      #expect(outcome.messages.count == 1)
      #expect(
        outcome.messages.first?.contains(
          "Task say ranks its labels, but \"maybe so\" has 9 tokens with its end and an answer at most 8. ") == true)
    }
  }
}
