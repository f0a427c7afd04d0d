import Foundation
import TestSupport
import Testing

/// A model of one's own need not fit the measurement: that is said, not measured.
struct BenchStepTests {
  private func run(_ folder: TrainFolder, _ options: [String]) throws -> PolyadProcess.Outcome {
    let data = folder.file("instructions")
    try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
    let task: [String: Any] = [
      "Definition": ["Say it."], "Positive Examples": [[String: Any]](), "Negative Examples": [[String: Any]](),
      "Instances": (0..<3).map { ["id": "\($0)", "input": "word \($0)", "output": ["\($0)"]] as [String: Any] },
    ]
    try JSONSerialization.data(withJSONObject: task).write(to: data.appending(path: "task.json"))
    return try PolyadProcess.run(
      ["bench", "step", "--model", "model", "--data", data.path, "--tokenizer", "model"] + options, in: folder.url)
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

  @Test func aSmallModelIsMeasured() throws {
    try TrainFolder.with { folder in
      let outcome = try run(folder, ["--max-length", "48", "--batch", "3", "--steps", "2"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput.contains("GFLOP/s a rank"))
    }
  }
}
