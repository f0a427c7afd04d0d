import Foundation
import TestSupport
import Testing

/// `polyad compose --search`.
struct ComposeSearchTests {
  private struct Found: Decodable {
    struct Candidate: Decodable {
      let lambda: Double
      let mean: Double?
      let tasks: [String: [String: Double?]]
    }

    let expression: String
    let recipe: String
    let `operator`: String
    let better: String
    let lambda: Double
    let candidates: [Candidate]
  }

  private static let recipe = """
    model_name_or_path: builtin:tiny
    output_dir: run
    adapter: {peft_type: LORA, r: 2}
    tasks:
      - {name: say, format: jsonl, train: say.jsonl, test: say.jsonl, source: "{s}", target: "{t}"}
      - {name: up, format: jsonl, train: up.jsonl, test: up.jsonl, source: "{s}", target: "{t}", metrics: [rougeL]}
    max_seq_length: 48
    max_target_length: 8
    max_steps: 6
    train_batch_size: 4
    micro_batches: 2
    max_new_tokens: 6
    learning_rate: 0.02
    """

  /// Runs `body` in a folder with eval.yaml and two small adapters, `one` and `two`.
  private func with(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      _ = try CommandFixture.write(Self.recipe, "eval.yaml", in: folder)
      let say = (0..<5).map { #"{"s": "say \#($0): ", "t": "\#($0)"}"# + "\n" }.joined()
      let up = (0..<4).map { #"{"s": "up \#($0): ", "t": "\#($0 + 1)"}"# + "\n" }.joined()
      _ = try CommandFixture.write(say, "say.jsonl", in: folder)
      _ = try CommandFixture.write(up, "up.jsonl", in: folder)
      for (seed, name) in ["one", "two"].enumerated() {
        let arguments = ["train", "eval.yaml", "--set", "output_dir=\(name)", "--set", "seed=\(seed)"]
        try #require(try PolyadProcess.run(arguments, in: folder).exitCode == 0)
      }
      try body(folder)
    }
  }

  private static let adapters = ["--adapter", "a=one", "--adapter", "b=two"]

  private func search(
    _ expression: String, _ arguments: [String], ranks: Int = 1, output: String = "out", in folder: URL
  ) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run(
      ["compose", "--search", expression, "--recipe", "eval.yaml", "--output", output] + Self.adapters + arguments,
      ranks: ranks, in: folder)
  }

  private func found(_ output: String, in folder: URL) throws -> Found {
    try JSONDecoder().decode(Found.self, from: Data(contentsOf: folder.appending(path: "\(output)/search.json")))
  }

  private static let files = [
    "adapter_config.json", "adapter_model.safetensors", "composition.json", "search.json", "search.svg",
  ]

  private func files(_ output: String, in folder: URL) throws -> [Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: output).path)
    #expect(names.sorted() == Self.files)
    return try Self.files.map { try Data(contentsOf: folder.appending(path: "\(output)/\($0)")) }
  }

  @Test func everyNumberOfRanksWritesTheSameBytesAndEvaluateTheSameScores() throws {
    try with { folder in
      let expression = "λ*a + (1-λ)*b", arguments = ["--grid", "0:1:0.25", "--metric", "perplexity"]
      let alone = try search(expression, arguments, output: "one-rank", in: folder)
      try #require(alone.exitCode == 0, "\(alone.standardError)")
      let progress = alone.standardError.split(separator: "\n")
      #expect(progress.count == 5 && progress[1].hasPrefix("2 of 5, λ = 0.25: say perplexity "))
      for ranks in [2, 3] {
        let outcome = try search(expression, arguments, ranks: ranks, output: "ranks-\(ranks)", in: folder)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(outcome.standardError == alone.standardError)
        #expect(
          outcome.standardOutput.replacingOccurrences(of: "ranks-\(ranks)", with: "one-rank") == alone.standardOutput)
        #expect(try files("ranks-\(ranks)", in: folder) == files("one-rank", in: folder))
      }
      let found = try found("one-rank", in: folder)
      #expect(found.expression == expression && found.recipe == "eval.yaml" && found.operator == "add")
      #expect(found.candidates.map(\.lambda) == [0, 0.25, 0.5, 0.75, 1] && found.better == "lower")
      let best = found.candidates.min { $0.mean ?? .infinity < $1.mean ?? .infinity }
      #expect(found.lambda == best?.lambda)
      for candidate in found.candidates {
        let scores = try evaluated("\(candidate.lambda)*a + (1-\(candidate.lambda))*b", in: folder)
        #expect(scores == candidate.tasks, "λ = \(candidate.lambda)")
      }
      #expect(try evaluated(nil, adapter: "one-rank", in: folder) == best?.tasks)
    }
  }

  /// The scores of `evaluate`, by task.
  private func evaluated(
    _ expression: String?, adapter: String = "sum", in folder: URL
  ) throws -> [String: [String: Double?]] {
    struct Report: Decodable {
      let tasks: [String: [String: Double?]]
    }
    if let expression {
      let arguments = ["compose", expression, "--output", adapter] + Self.adapters
      let isAgain = FileManager.default.fileExists(atPath: folder.appending(path: adapter).path)
      let composed = try PolyadProcess.run(arguments + (isAgain ? ["--overwrite"] : []), in: folder)
      #expect(composed.exitCode == 0, "\(composed.standardError)")
    }
    let outcome = try PolyadProcess.run(["evaluate", "eval.yaml", "--adapter", adapter, "--json"], in: folder)
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    return try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8)).tasks
  }

  @Test func theTextMarksTheBestAndTheReportFollows() throws {
    try with { folder in
      let outcome = try search("lambda*(a+b)", ["--grid", "0,0.5", "--operator", "cat"], in: folder)
      let lines = outcome.standardOutput.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      #expect(outcome.exitCode == 0 && lines[0].hasPrefix("  λ  say exact_match  up rougeL"))
      let best = try found("out", in: folder).lambda
      #expect(lines[2].hasSuffix("best") == (best == 0) && lines[3].hasSuffix("best") == (best == 0.5))
      #expect(lines[4].isEmpty && lines[5] == (best == 0 ? "cat: 0 a + 0 b" : "cat: 0.5 a + 0.5 b"))
      #expect(lines.dropLast().last == "wrote out")
      let again = try search("-λ*a + b", ["--grid", "-1", "--json", "--overwrite"], in: folder)
      #expect(again.exitCode == 0, "\(again.standardError)")
      let json = try JSONSerialization.jsonObject(with: Data(again.standardOutput.utf8)) as? [String: Any]
      let composition = json?["composition"] as? [String: Any]
      #expect(json?["lambda"] as? Double == -1 && composition?["output"] as? String == "out")
      let terms = composition?["terms"] as? [[String: Any]] ?? []
      #expect(terms.map { $0["weight"] as? Double } == [1, 1])
    }
  }

  @Test func theScoresAreThereEvenIfTheAdapterCannotBeWritten() throws {
    try with { folder in
      let tuned = try search("λ*a + b", ["--grid", "0,0.5"], output: "first", in: folder)
      try #require(tuned.exitCode == 0)
      // The texts are cached by now; no file above a kibibyte can be written.
      let outcome = try PolyadProcess.run(
        ["compose", "--search", "λ*a + b", "--recipe", "eval.yaml", "--output", "out", "--grid", "0,0.5"]
          + Self.adapters, in: folder, shell: "ulimit -f 1")
      #expect(outcome.exitCode == 3, "\(outcome.standardError)")
      let lines = outcome.standardOutput.split(separator: "\n").map(String.init)
      #expect(lines == tuned.standardOutput.split(separator: "\n").prefix(4).map(String.init))
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "out").path))
    }
  }

  private struct Fault {
    let exitCode: Int32
    let text: String
    let arguments: [String]

    init(_ exitCode: Int32, _ text: String, _ arguments: String...) {
      (self.exitCode, self.text, self.arguments) = (exitCode, text, arguments)
    }
  }

  private static let both = ["--adapter", "a=one", "--adapter", "b=two", "--output", "out"]
  private static let faults: [Fault] = [
    Fault(2, "λ has no value here: write a number, or look for the best with --search", "λ*a + b"),
    Fault(2, "nothing in the expression depends on λ", "--search", "a + b", "--recipe", "eval.yaml"),
    Fault(2, "--search needs --recipe FILE, the recipe whose test files decide", "--search", "λ*a + b"),
    Fault(
      2, "--search has the expression; leave \"a + b\" out", "a + b", "--search", "λ*a + b", "--recipe", "eval.yaml"),
    Fault(2, "--grid is for --search alone: leave it out", "a + b", "--grid", "0:1:0.5"),
    Fault(
      2, "--adapter λ: this name is the number that --search looks for; choose another", "--search", "λ*a + b",
      "--recipe", "eval.yaml", "--adapter", "λ=one"),
    Fault(
      2, "--grid 0:1:0: the step must be above 0", "--search", "λ*a + b", "--recipe", "eval.yaml", "--grid", "0:1:0"),
    Fault(2, "at λ = 0: this divides by 0:\n  a/λ + b\n    ^", "--search", "a/λ + b", "--recipe", "eval.yaml"),
    Fault(
      2, "--metric f1: no task of the recipe has it; they have exact_match, rougeL, perplexity", "--search",
      "λ*a + b", "--recipe", "eval.yaml", "--metric", "f1"),
    Fault(2, "cannot read the recipe", "--search", "λ*a + b", "--recipe", "none.yaml"),
    Fault(
      2, "eval.yaml: no task has a test file", "--search", "λ*a + b", "--recipe", "eval.yaml", "--set",
      "tasks=[{name: x, format: jsonl, train: say.jsonl, source: \"{s}\", target: \"{t}\"}]"),
    Fault(
      2, "--output say.jsonl is a file: name a folder", "--search", "λ*a + b", "--recipe", "eval.yaml", "--output",
      "say.jsonl"),
    Fault(
      2, "say.jsonl is a file", "--search", "λ*a + b", "--recipe", "eval.yaml", "--output", "say.jsonl/out"),
  ]

  @Test func aFaultIsSaidOnceAndNothingIsWritten() throws {
    try with { folder in
      for fault in Self.faults {
        let arguments =
          ["compose"] + fault.arguments
          + (fault.arguments.contains("--output") ? Array(Self.both.dropLast(2)) : Self.both)
        let outcome = try PolyadProcess.run(arguments, in: folder)
        #expect(outcome.exitCode == fault.exitCode, "\(fault.text)")
        #expect(outcome.standardError.hasPrefix("polyad: ") && outcome.standardOutput.isEmpty)
        #expect(outcome.standardError.contains(fault.text), "\(outcome.standardError)")
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "out").path))
      }
      let ranked = try search("λ*a + b", ["--metric", "f1"], ranks: 2, in: folder)
      #expect(ranked.exitCode == 2 && ranked.messages.count == 1, "\(ranked.standardError)")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "out").path))
    }
  }
}
