import Foundation
import TestSupport
import Testing

/// `polyad compose`, most of all `--search`, over adapters with classification heads.
struct ComposeSearchHeadTests {
  private static func task(_ name: String) -> String {
    "{name: \(name), format: jsonl, train: \(name).jsonl, test: \(name).jsonl, source: \"{text}\", "
      + "target: \"{answer}\", labels: [bad, good], num_labels: 2, metrics: [accuracy]}"
  }

  /// Runs `body` in a folder with an adapter of each of two tasks, `tone` and `mood`, and a recipe of both.
  private func with(_ body: (TrainFolder) throws -> Void) throws {
    try EncoderFolder.with { folder in
      try EncoderFolder.removeHead(folder)
      for (shift, name) in ["tone", "mood"].enumerated() {
        let lines = (0..<6).map { number -> [String: Any] in
          let answer = (number + shift) % 2 == 0 ? "bad" : "good"
          return ["text": "\(name) \(number) was \(answer)", "answer": answer]
        }
        try folder.write(lines, to: "\(name).jsonl")
      }
      for name in ["tone", "mood"] {
        folder.recipe["tasks"] = "[\(Self.task(name))]"
        _ = try folder.trained(ranks: 1, as: name, ["max_steps=3"])
      }
      folder.recipe["tasks"] = "[\(Self.task("tone")), \(Self.task("mood"))]"
      try folder.writeRecipe()
      try body(folder)
    }
  }

  private func search(
    _ grid: String, _ expression: String = "λ*a + (1-λ)*b", adapters: [String] = ["a=tone", "b=mood"], ranks: Int,
    output: String, _ folder: TrainFolder
  ) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run(
      ["compose", "--search", expression, "--grid", grid, "--recipe", "recipe.yaml", "--output", output, "--json"]
        + adapters.flatMap { ["--adapter", $0] }, ranks: ranks, in: folder.url)
  }

  private func read(_ json: String) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
  }

  @Test func headsOfSingleAdaptersAnswerTheirTasks() throws {
    try with { folder in
      let outcomes = try [1, 2].map { try search("0,0.25,0.5,1", ranks: $0, output: "out\($0)", folder) }
      for outcome in outcomes { #expect(outcome.exitCode == 0, "\(outcome.standardError)") }
      let found = try String(contentsOf: folder.file("out1/search.json"), encoding: .utf8)
      #expect(try found == String(contentsOf: folder.file("out2/search.json"), encoding: .utf8))
      let evaluated = try PolyadProcess.run(
        ["evaluate", "recipe.yaml", "--adapter", "out1", "--json"], in: folder.url)
      // Numbers read in one way, for the last digit depends on the reader.
      let tasks = try #require(read(evaluated.standardOutput)["tasks"] as? [String: [String: Double]])
      let candidates = try #require(read(found)["candidates"] as? [[String: Any]])
      #expect(try #require(candidates.first?["tasks"] as? [String: [String: Double]]) == tasks)
    }
  }

  @Test func theReportSaysWhatBecameOfTheHeads() throws {
    try with { folder in
      func text(_ adapters: [String], _ options: [String] = []) throws -> [String] {
        let arguments = ["compose", "0.75*a + 0.25*b", "--output", "out", "--overwrite"] + options
        let outcome = try PolyadProcess.run(arguments + adapters.flatMap { ["--adapter", $0] }, in: folder.url)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return outcome.standardOutput.split(separator: "\n").map(String.init)
      }
      let both = ["a=tone", "b=mood"], one = ["a=tone", "b=tone"]
      #expect(try text(both).contains("taken over: classifier.tone (a), classifier.mood (b)"))
      #expect(try text(one).contains("averaged: classifier.tone (0.75 a + 0.25 b)"))
      #expect(try text(one, ["--without-heads"]).contains("left out: classifier.tone (a, b)"))
      let json = try read(text(one, ["--json"]).joined())
      let modules = try #require(json["whole_modules"] as? [[String: Any]])
      #expect(modules.count == 1 && modules[0]["module"] as? String == "classifier.tone")
      #expect(modules[0]["treatment"] as? String == "averaged" && modules[0]["adapters"] as? [String] == ["a", "b"])
      #expect(modules[0]["shares"] as? [Double] == [0.75, 0.25])
    }
  }

  @Test func aTaskWithoutItsHeadIsNamedOnAllRanks() throws {
    try with { folder in
      for ranks in [1, 2] {
        let outcome = try search("0:1:0.5", "λ*a", adapters: ["a=tone"], ranks: ranks, output: "out", folder)
        #expect(outcome.exitCode == 2 && outcome.messages.count == 1, "\(outcome.standardError)")
        #expect(outcome.messages.first?.contains("at λ = 0: task mood: ") == true, "\(outcome.standardError)")
        #expect(!folder.exists("out") && outcome.standardOutput.isEmpty)
      }
    }
  }
}
