import Foundation
import TestSupport
import Testing

/// `polyad compose --search` over adapters with classification heads.
@Suite(.enabled(if: SharedFolder.isPresent, Comment(rawValue: SharedFolder.absence)))
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
    _ grid: String, ranks: Int, output: String, _ folder: TrainFolder
  ) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run(
      ["compose", "--search", "λ*a + (1-λ)*b", "--grid", grid, "--recipe", "recipe.yaml", "--adapter", "a=tone"]
        + ["--adapter", "b=mood", "--output", output, "--json"], ranks: ranks, in: folder.url)
  }

  @Test func headsOfSingleAdaptersAnswerTheirTasks() throws {
    try with { folder in
      let outcomes = try [1, 2].map { try search("0.25,0.5", ranks: $0, output: "out\($0)", folder) }
      for outcome in outcomes { #expect(outcome.exitCode == 0, "\(outcome.standardError)") }
      let found = try String(contentsOf: folder.file("out1/search.json"), encoding: .utf8)
      #expect(try found == String(contentsOf: folder.file("out2/search.json"), encoding: .utf8))
      let evaluated = try PolyadProcess.run(
        ["evaluate", "recipe.yaml", "--adapter", "out1", "--json"], in: folder.url)
      let json = try JSONSerialization.jsonObject(with: Data(evaluated.standardOutput.utf8)) as? [String: Any]
      let tasks = try #require(json?["tasks"] as? [String: [String: Double]])
      let loss = try #require(tasks["mood"]?["loss"])
      #expect(found.contains("\(loss)"))
    }
  }

  @Test func aValueThatLeavesATaskWithoutItsHeadIsNamedOnAllRanks() throws {
    try with { folder in
      for ranks in [1, 2] {
        let outcome = try search("0:1:0.5", ranks: ranks, output: "out", folder)
        #expect(outcome.exitCode == 2 && outcome.messages.count == 1, "\(outcome.standardError)")
        #expect(outcome.messages.first?.contains("at λ = 0: task tone: ") == true, "\(outcome.standardError)")
        #expect(!folder.exists("out") && outcome.standardOutput.isEmpty)
      }
    }
  }
}
