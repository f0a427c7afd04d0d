import Foundation
import TestSupport
import Testing

struct GenerateTests {
  private struct Line: Decodable, Equatable {
    let ids: [Int]
    let text: String
  }

  /// Runs `generate` on the fixture's three prompts.
  private func generate(_ options: [String], ranks: Int = 1) throws -> [Line] {
    try withTemporaryFolder { folder in
      let prompts = try CommandFixture.batch().generated
      // Labels that would end the prompt early, were they read.
      let lines = try prompts.map {
        try CommandFixture.text(of: ["input_ids": $0.promptIds, "labels": $0.promptIds])
      }
      let input = try CommandFixture.write(lines.joined(separator: "\n"), "prompts.jsonl", in: folder)
      let outcome = try PolyadProcess.run(
        ["generate", "--model", CommandFixture.model.path, "--input", input] + options, ranks: ranks, in: folder)
      #expect(outcome.exitCode == 0 && outcome.messages.isEmpty)
      return try CommandFixture.decode(Line.self, lines: outcome.standardOutput)
    }
  }

  @Test(arguments: [1, 2]) func greedyContinuationsAreHuggingFaces(ranks: Int) throws {
    let expected = try CommandFixture.batch().generated.map(\.greedyIds)
    for batchSize in ["1", "8"] {
      let lines = try generate(["--max-new-tokens", "12", "--batch-size", batchSize], ranks: ranks)
      #expect(lines.map(\.ids) == expected)
      #expect(lines.first?.text == " this W W se se se se$ve")
    }
  }

  struct Beams: CustomTestStringConvertible {
    let count: Int
    let lengthPenalty: Double
    let maximumCount: Int
    let endIds: [Int]
    let ids: [[Int]]

    var testDescription: String { "\(count) beams, penalty \(lengthPenalty), ends \(endIds)" }
  }

  /// What transformers 5.23 generates from the same prompts, in float64.
  static let beams = [
    Beams(
      count: 3, lengthPenalty: 1, maximumCount: 12, endIds: [0],
      ids: [
        Array(repeating: 194, count: 12), Array(repeating: 334, count: 12),
        [400, 400, 26, 26, 21, 80, 278, 278, 278, 278, 278, 278],
      ]),
    Beams(
      count: 4, lengthPenalty: 0, maximumCount: 12, endIds: [0],
      ids: [
        [182, 78, 78, 78, 78, 78, 78, 78, 78, 78, 78, 428],
        Array(repeating: 334, count: 12),
        [400, 400, 26, 26, 21, 80, 278, 278, 278, 278, 278, 278],
      ]),
    Beams(
      count: 4, lengthPenalty: 1, maximumCount: 12, endIds: [78, 194, 80, 299],
      ids: [
        [111, 86, 86, 428, 428, 428, 428, 428, 428, 428, 428, 428],
        Array(repeating: 334, count: 12),
        [400, 400, 26, 26, 317, 317, 317, 317, 317, 317, 317, 317],
      ]),
    Beams(
      count: 3, lengthPenalty: 0, maximumCount: 12, endIds: [78, 194, 80, 299],
      ids: [
        [194],
        Array(repeating: 334, count: 12),
        [400, 400, 26, 26, 21, 80],
      ]),
    Beams(
      count: 5, lengthPenalty: -1, maximumCount: 12, endIds: [78, 194, 80, 299],
      ids: [
        [194],
        Array(repeating: 334, count: 12),
        [400, 400, 26, 26, 21, 80],
      ]),
    Beams(
      count: 4, lengthPenalty: 1, maximumCount: 20, endIds: [278, 428],
      ids: [
        Array(repeating: 194, count: 20),
        Array(repeating: 334, count: 20),
        [400, 400, 26, 26, 317, 317, 317, 317, 317, 317, 317, 317, 317, 317, 317, 317, 317, 317, 317, 317],
      ]),
  ]

  @Test(arguments: beams) func beamSearchIsHuggingFaces(_ beams: Beams) throws {
    let ends = beams.endIds.flatMap { ["--eos-token-id", "\($0)"] }
    let lines = try generate(
      [
        "--max-new-tokens", "\(beams.maximumCount)", "--num-beams", "\(beams.count)", "--length-penalty",
        "\(beams.lengthPenalty)",
      ] + ends)
    #expect(lines.map(\.ids) == beams.ids)
  }

  @Test func samplesDependOnTheSeedAloneNotOnRanksOrBatches() throws {
    let options = ["--max-new-tokens", "10", "--do-sample", "--temperature", "2", "--top-k", "0", "--top-p", "0.9"]
    let first = try generate(options + ["--seed", "5", "--batch-size", "3"])
    #expect(first.count == 3)
    #expect(try generate(options + ["--seed", "5", "--batch-size", "1"], ranks: 2) == first)
    #expect(try generate(options + ["--seed", "6"]) != first)
  }

  @Test func theModelsEndTokenComesFromItsConfiguration() throws {
    try withTemporaryFolder { folder in
      let model = folder.appending(path: "model")
      try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
      for name in ["config.json", "model.safetensors"] {
        try FileManager.default.copyItem(
          at: CommandFixture.model.appending(path: name), to: model.appending(path: name))
      }
      let prompts = try CommandFixture.batch().generated
      let input = try CommandFixture.write(
        CommandFixture.text(of: ["input_ids": prompts[0].promptIds]), "prompts.jsonl", in: folder)
      let command = ["generate", "--model", model.path, "--input", input, "--max-new-tokens", "12"]
      // config.json says 0; without a tokenizer there is no text.
      let first = try CommandFixture.decode(
        Line.self, lines: PolyadProcess.run(command, in: folder).standardOutput)
      #expect(first == [Line(ids: prompts[0].greedyIds, text: "")])
      // generation_config.json goes before it, and may name several.
      _ = try CommandFixture.write(#"{"eos_token_id": [511, 428]}"#, "generation_config.json", in: model)
      let second = try CommandFixture.decode(
        Line.self, lines: PolyadProcess.run(command, in: folder).standardOutput)
      #expect(second == [Line(ids: [416, 383, 383, 428], text: "")])
    }
  }

  @Test(arguments: [
    (["--max-new-tokens", "0"], "--max-new-tokens must be from 1 to 1048576"),
    (["--max-new-tokens", "2000000"], "--max-new-tokens must be from 1 to 1048576"),
    (["--max-new-tokens", "4", "--batch-size", "9223372036854775807"], "--batch-size must be from 1 to 4096"),
    (["--max-new-tokens", "4", "--seed", "1"], "--seed needs --do-sample"),
    (["--max-new-tokens", "4", "--top-k", "9"], "--top-k needs --do-sample"),
    (["--max-new-tokens", "4", "--length-penalty", "2"], "--length-penalty needs --num-beams 2 or more"),
    (["--max-new-tokens", "4", "--do-sample", "--num-beams", "2"], "--do-sample and --num-beams exclude each other"),
    (["--max-new-tokens", "4", "--do-sample", "--temperature", "0"], "--temperature must be above 0"),
    (["--max-new-tokens", "4", "--do-sample", "--top-p", "1.5"], "--top-p must be above 0 and at most 1"),
  ])
  func optionsThatMakeNoSenseAreRefused(options: [String], message: String) throws {
    try withTemporaryFolder { folder in
      let outcome = try PolyadProcess.run(
        ["generate", "--model", CommandFixture.model.path, "--input", "none.jsonl"] + options, in: folder)
      #expect(outcome.exitCode == 2)
      #expect(outcome.messages == ["polyad: \(message) (see polyad generate --help)"])
    }
  }
}
