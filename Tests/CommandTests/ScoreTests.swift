import Checkpoints
import Foundation
import TestSupport
import Testing

struct ScoreTests {
  private struct Line: Decodable, Equatable {
    let lossSum: Double
    let labelCount: Int

    private enum CodingKeys: String, CodingKey {
      case lossSum = "loss_sum"
      case labelCount = "label_count"
    }
  }

  /// nil is the bare model, which stands for FULL as well.
  @Test(
    arguments: [
      nil, "lora", "ia3", "task-lora", "molora", "molora-sd", "mode", "mode-block", "c-poly", "c-poly-raw",
    ], [1, 2])
  func lossesAndLogitsAgreeWithHuggingFace(adapter: String?, ranks: Int) throws {
    try withTemporaryFolder { folder in
      let input = try CommandFixture.write(CommandFixture.batch().lines, "batch.jsonl", in: folder)
      let logits = folder.appending(path: "logits.safetensors")
      let source = try adapter.map(CommandFixture.adapter), golden = try CommandFixture.expected(adapter)
      let outcome = try PolyadProcess.run(
        ["score", "--model", CommandFixture.model.path, "--input", input, "--logits", logits.path]
          + (source.map { ["--adapter", $0.path] } ?? []), ranks: ranks, in: folder)
      #expect(outcome.exitCode == 0 && outcome.messages.isEmpty)
      let lines = try CommandFixture.decode(Line.self, lines: outcome.standardOutput)
      #expect(lines.count == 6)
      let expected = try SafetensorsFile(golden)
      let mean = lines.reduce(0) { $0 + $1.lossSum } / Double(lines.reduce(0) { $0 + $1.labelCount })
      let loss = Double(try expected.array("loss")[0])
      // fp32 against float64: 1e-5 relative, as the fixtures' README says.
      #expect(abs(mean - loss) <= 1e-5 * loss)
      try expectEqual(logits: SafetensorsFile(logits), expected, count: lines.count)
    }
  }

  private func expectEqual(logits: SafetensorsFile, _ expected: SafetensorsFile, count: Int) throws {
    #expect(logits.names.count == count)
    for example in 0..<count {
      let shape = try logits.info("logits.\(example)").shape
      #expect(shape.count == 2 && shape[1] == 512)
      let last = try expected.array("logits.\(example)")
      let found = try logits.array("logits.\(example)").suffix(last.count)
      let largest = last.map(abs).max() ?? 0
      let difference = zip(found, last).map { abs($0 - $1) }.max() ?? .infinity
      // fp32 against float64, relative to the largest logit.
      #expect(difference <= 1e-5 * largest)
    }
  }

  @Test func textLinesAreScoredWithTheirAnswersAndPromptsAlonePassThrough() throws {
    try withTemporaryFolder { folder in
      let lines = #"{"source": "say it: ", "target": "yes"}"# + "\n" + #"{"input_ids": [5, 6, 7]}"# + "\n"
      let input = try CommandFixture.write(lines, "lines.jsonl", in: folder)
      let outcome = try PolyadProcess.run(
        ["score", "--model", CommandFixture.model.path, "--input", input, "--task", "2000000000"], in: folder)
      let scores = try CommandFixture.decode(Line.self, lines: outcome.standardOutput)
      #expect(scores.count == 2)
      #expect(scores[0].lossSum > 0 && scores[0].labelCount > 1)
      #expect(scores[1] == Line(lossSum: 0, labelCount: 0))
    }
  }

  /// Nothing is routed by task here, so that a name is as good as a number.
  @Test func tasksMayBeNamed() throws {
    try TrainFolder.with { folder in
      let line: [String: any Sendable] = ["input_ids": [1, 2], "labels": [-100, 2]]
      try folder.write([line, line.merging(["task": "rte"]) { $1 }], to: "lines.jsonl")
      let command = ["score", "--model", "model", "--input", "lines.jsonl"]
      let plain = try PolyadProcess.run(command, in: folder.url)
      #expect(plain.exitCode == 0, "\(plain.standardError)")
      let scores = try CommandFixture.decode(Line.self, lines: plain.standardOutput)
      #expect(scores.count == 2 && scores[0] == scores[1])
      let named = try PolyadProcess.run(command + ["--task", "rte"], in: folder.url)
      #expect(named.exitCode == 0 && named.standardOutput == plain.standardOutput)
    }
  }

  @Test func examplesThatDoNotFitTheModelAreNamed() throws {
    try withTemporaryFolder { folder in
      func run(_ line: String) throws -> PolyadProcess.Outcome {
        let input = try CommandFixture.write(#"{"input_ids": [1]}"# + "\n" + line + "\n", "lines.jsonl", in: folder)
        return try PolyadProcess.run(["score", "--model", CommandFixture.model.path, "--input", input], in: folder)
      }
      let file = folder.appending(path: "lines.jsonl").path
      let long = try run("{\"input_ids\": \(Array(repeating: 1, count: 129))}")
      #expect(long.exitCode == 3)
      #expect(
        long.messages
          == ["polyad: \(file): example 2 has 129 tokens, but the model has 128 positions; shorten it"])
      let empty = try run(#"{"input_ids": []}"#)
      #expect(empty.exitCode == 3)
      #expect(empty.messages == ["polyad: \(file): example 2 has no token; remove it or give it a prompt"])
      let foreign = try run(#"{"input_ids": [512]}"#)
      #expect(foreign.exitCode == 3)
      #expect(foreign.messages.count == 1 && foreign.messages[0].contains("lines.jsonl:2 has the token id 512"))
    }
  }
}
