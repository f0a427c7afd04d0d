import Foundation
import TestSupport
import Testing

struct PrepareTests {
  private struct Line: Decodable {
    let task: String
    let split: String
    let id: String
    let source: String
    let target: String
    let references: [String]
    let input_ids: [Int]
    let labels: [Int]
  }

  private struct Prompt: Decodable {
    let task: String
    let instance_id: String
    let positive_examples: Int
    let negative_examples: Int
    let explanations: Bool
    let source: String
    let references: [String]
  }

  @Test(.enabled(if: SharedFolder.isPresent, Comment(rawValue: SharedFolder.absence)))
  func promptsAreTkInstructs() throws {
    let data = try Data(contentsOf: Fixtures.url("prompts/cases.json"))
    let tests = SharedFolder.url.appending(path: "data/super-natural-instructions/test")
    let prompts = try JSONDecoder().decode([Prompt].self, from: data).filter {
      FileManager.default.fileExists(atPath: tests.appending(path: "\($0.task).json").path)
    }
    try #require(!prompts.isEmpty)
    let tasks = prompts.enumerated().map { place, prompt in
      "  - {name: t\(place), format: super_natural_instructions, test: \(tests.path)/\(prompt.task).json, "
        + "positive_examples: \(prompt.positive_examples), negative_examples: \(prompt.negative_examples), "
        + "explanations: \(prompt.explanations)}"
    }
    let lines = try withTemporaryFolder { folder in
      let recipe = try CommandFixture.write(
        """
        model_name_or_path: \(CommandFixture.model.path)
        output_dir: run
        adapter: {peft_type: LORA}
        max_seq_length: 128
        tasks:
        \(tasks.joined(separator: "\n"))
        """, "recipe.yaml", in: folder)
      let outcome = try PolyadProcess.run(["prepare", recipe, "--split", "test", "--json"], in: folder)
      #expect(outcome.exitCode == 0)
      return try CommandFixture.decode(Line.self, lines: outcome.standardOutput)
    }
    for (place, prompt) in prompts.enumerated() {
      let line = try #require(lines.first { $0.task == "t\(place)" && $0.id == prompt.instance_id })
      #expect(line.source == prompt.source)
      #expect(line.references == prompt.references)
      #expect(line.target == prompt.references[0])
      #expect(line.split == "test" && line.input_ids.count == line.labels.count && line.input_ids.count <= 128)
    }
  }

  @Test(arguments: [1, 2]) func trainedTokensAreMarkedAndCounted(ranks: Int) throws {
    try withTemporaryFolder { folder in
      let recipe = try CommandFixture.recipe(in: folder)
      let outcome = try PolyadProcess.run(
        ["prepare", recipe, "--split", "train", "--show", "2"], ranks: ranks, in: folder)
      #expect(outcome.exitCode == 0)
      let lines = outcome.standardOutput.split(separator: "\n").map(String.init)
      #expect(lines.filter { $0.contains("⟦") } == ["say 0: ⟦0<|endoftext|>⟧", "say 1: ⟦1<|endoftext|>⟧"])
      let row = try #require(lines.last).split(separator: " ").map(String.init)
      // task, split, examples … cut prompts, cut answers, dropped, ending in the end-of-text token
      #expect(row.prefix(3) == ["say", "train", "6"])
      #expect(row.dropFirst(6) == ["0", "0", "0", "100.00", "%", "file"])
      let again = try PolyadProcess.run(["prepare", recipe, "--split", "train"], in: folder)
      #expect(again.standardOutput.hasSuffix("cache\n"))
    }
  }

  @Test func jsonLinesHoldTheTokensThatAreTrainedOn() throws {
    try withTemporaryFolder { folder in
      let recipe = try CommandFixture.recipe(in: folder)
      let outcome = try PolyadProcess.run(["prepare", recipe, "--show", "1", "--json"], in: folder)
      let lines = try CommandFixture.decode(Line.self, lines: outcome.standardOutput)
      #expect(lines.map(\.split) == ["train", "test"])
      #expect(lines.allSatisfy { $0.source == "say 0: " && $0.target == "0" && $0.references == ["0"] })
      let trained = zip(lines[0].input_ids, lines[0].labels).filter { $0.1 != -100 }
      #expect(trained.count == 2 && trained.allSatisfy { $0.0 == $0.1 } && trained.last?.1 == 0)
    }
  }

  @Test func theHalfOfASplitTaskIsShownAndCountedByLabel() throws {
    try TrainFolder.with { folder in
      // One id for all, so that no text is found by it alone.
      let answers = ["yes", "no", "yes", "yes", "no", "no", "yes", "no"]
      try folder.write(
        answers.enumerated().map { ["id": "same", "text": "Is it \($0)? ", "answer": $1] }, to: "yes.jsonl")
      folder.recipe["tasks"] = """
        [{name: half, format: jsonl, train: yes.jsonl, source: "{text}", target: "{answer}", labels: ["yes", "no"],
          split: {skew: 0.8, part: 1}}]
        """
      try folder.writeRecipe()
      let note = "note: half (train): split leaves 4 of 8 examples: 1 yes, 3 no"
      let outcome = try PolyadProcess.run(["prepare", "recipe.yaml", "--json"], in: folder.url)
      let lines = try CommandFixture.decode(Line.self, lines: outcome.standardOutput)
      #expect(lines.map(\.source) == ["Is it 4? ", "Is it 5? ", "Is it 6? ", "Is it 7? "])
      #expect(outcome.standardError.contains(note))
      let train = try PolyadProcess.run(["train", "recipe.yaml", "--dry-run"], in: folder.url)
      #expect(train.exitCode == 0)
      #expect(train.standardError.contains(note))
    }
  }

  @Test func aSplitThatNoTaskHasIsAFaultOfTheRecipe() throws {
    try withTemporaryFolder { folder in
      let recipe = try CommandFixture.recipe(in: folder)
      let text = try String(contentsOfFile: recipe, encoding: .utf8)
      let file = try CommandFixture.write(
        text.replacingOccurrences(of: "test: data.jsonl, ", with: ""), "train-only.yaml", in: folder)
      for arguments in [["prepare", file, "--split", "test"], ["evaluate", file, "--base"]] {
        let outcome = try PolyadProcess.run(arguments, in: folder)
        #expect(outcome.exitCode == 2)
        #expect(outcome.messages == ["polyad: \(file): no task has a test file; give at least one task a test: key"])
      }
    }
  }
}
