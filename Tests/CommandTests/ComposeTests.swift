import Checkpoints
import Foundation
import TestSupport
import Testing

/// `polyad compose`.
struct ComposeTests {
  private struct Report: Decodable {
    struct Map: Decodable {
      let path: String
      let ranks: [Int]
      let rank: Int?
      let relative_error: Double?
      let energy_kept: Double?
    }

    struct Term: Decodable, Equatable {
      let adapter: String
      let weight: Double
    }

    let `operator`: String
    let peft_type: String
    let terms: [Term]
    let maps: [Map]
    let max_relative_error: Double?
    let mean_relative_error: Double?
    let min_energy_kept: Double?
    let output: String
  }

  private func adapter(_ name: String) -> String { Fixtures.root.appending(path: "arithmetic/\(name)").path }
  private var one: String { adapter("lora/inputs/one") }
  private var two: String { adapter("lora/inputs/two") }
  private var wide: String { adapter("lora/inputs/wide") }
  private var vectors: String { adapter("ia3/inputs/one") }

  private func run(_ arguments: [String], in folder: URL) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run(["compose"] + arguments, in: folder)
  }

  private func report(_ arguments: [String], in folder: URL) throws -> Report {
    let outcome = try run(arguments + ["--json"], in: folder)
    #expect(outcome.exitCode == 0 && outcome.standardError.isEmpty, "\(outcome.standardError)")
    return try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8))
  }

  private func files(_ folder: URL) throws -> [Data] {
    try ["adapter_config.json", "adapter_model.safetensors"].map { try Data(contentsOf: folder.appending(path: $0)) }
  }

  @Test func expressionsAndOperatorsWriteTheSameBytes() throws {
    try withTemporaryFolder { folder in
      let pairs: [(expression: [String], operation: [String])] = [
        (
          ["0.6*a + 0.4*b", "--adapter", "a=\(one)", "--adapter", "b=\(two)"],
          ["--operator", "add", "--weights", "0.6,0.4", "--adapter", one, "--adapter", two]
        ),
        (["-0.7*a", "--adapter", "a=\(one)"], ["--operator", "negate", "--weights", "0.7", "--adapter", one]),
        (["--adapter=a=\(one)", "-0.7*a"], ["--operator", "negate", "--weights", "0.7", "--adapter", one]),
        (["--adapter", "a=\(one)", "\u{2212}0.7*a"], ["--operator", "negate", "--weights", "0.7", "--adapter", one]),
        (["--a", "--adapter", "a=\(one)"], ["--operator", "add", "--weights", "1", "--adapter", one]),
        (["--without-heads", "--0.5*a", "--adapter=a=\(one)"], ["--operator=add", "--weights=0.5", "--adapter", one]),
        (
          ["--adapter", "a=\(one)", "--adapter", "b=\(two)", "--overwrite", "--a-b"],
          ["--operator", "add", "--weights", "1,-1", "--adapter", one, "--adapter", two]
        ),
        (
          ["--adapter", "a=\(one)", "--adapter", "b=\(two)", "--operator", "linear", "--peft-compatible", "-(a-b)/2"],
          ["--operator", "linear", "--weights", "-0.5,0.5", "--adapter", one, "--adapter", two]
        ),
        (
          ["0.8*a + 0.2*(b - c)", "--adapter", "a=\(one)", "--adapter", "b=\(two)"]
            + ["--adapter", "c=\(adapter("lora/inputs/three"))"],
          ["--operator", "analogy", "--weights", "0.8,0.2", "--adapter", one, "--adapter", two]
            + ["--adapter", adapter("lora/inputs/three")]
        ),
      ]
      for (place, pair) in pairs.enumerated() {
        _ = try report(pair.expression + ["--output", "e\(place)"], in: folder)
        _ = try report(pair.operation + ["--output", "o\(place)"], in: folder)
        #expect(
          try files(folder.appending(path: "e\(place)")) == files(folder.appending(path: "o\(place)")), "\(pair)")
      }
    }
  }

  @Test func theReportTellsRanksErrorsAndEnergy() throws {
    try withTemporaryFolder { folder in
      let inputs = ["a + b", "--adapter", "a=\(one)", "--adapter", "b=\(wide)"]
      let exact = try report(inputs + ["--operator", "cat", "--output", "cat"], in: folder)
      #expect(exact.operator == "cat" && exact.peft_type == "LORA" && exact.output == "cat")
      #expect(exact.terms == [.init(adapter: "a", weight: 1), .init(adapter: "b", weight: 1)])
      #expect(exact.maps.count == 4 && exact.maps.allSatisfy { $0.ranks == [4, 6] && $0.rank == 10 })
      // The factors are saved as 32-bit floats.
      #expect(try #require(exact.max_relative_error) < 1e-6)
      #expect(exact.min_energy_kept == nil)
      let nearest = try report(inputs + ["--operator", "svd", "--rank", "5", "--output", "svd"], in: folder)
      #expect(nearest.maps.allSatisfy { $0.rank == 5 })
      let error = try #require(nearest.max_relative_error), energy = try #require(nearest.min_energy_kept)
      #expect(abs(error * error - (1 - energy)) < 1e-6)
      #expect(try #require(nearest.mean_relative_error) <= error)
    }
  }

  @Test func theTextShowsTheSumAndWhatItCosts() throws {
    try withTemporaryFolder { folder in
      let sum = try run(
        ["0.6*a + 0.4*b", "--adapter", "a=\(one)", "--adapter", "b=\(two)", "--output", "sum"], in: folder)
      let lines = sum.standardOutput.split(separator: "\n").map(String.init)
      #expect(sum.exitCode == 0)
      #expect(lines.first == "add: 0.6 a + 0.4 b")
      #expect(lines[1].split(separator: " ", omittingEmptySubsequences: true).prefix(3) == ["maps", "count", "ranks"])
      #expect(lines.contains { $0.hasPrefix("model.layers.*.self_attn.q_proj      2  4, 4") })
      #expect(lines.contains { $0.contains("largest") && $0.contains("cross terms. --operator cat is exact") })
      #expect(lines.last == "wrote sum")
      let negated = try run(["-0.7*a", "--adapter", "a=\(vectors)", "--output", "negated"], in: folder)
      #expect(negated.exitCode == 0 && negated.standardOutput.hasPrefix("add: -0.7 a\n"))
      #expect(!negated.standardOutput.contains("rank") && !negated.standardOutput.contains("cross"))
      let dropped = try run(
        ["a", "--operator", "dare_linear", "--density", "0.5", "--adapter", "a=\(one)", "--output", "drop"], in: folder)
      #expect(dropped.standardOutput.contains(": operator dare_linear drops entries. --operator cat is exact."))
    }
  }

  @Test func aRankBeyondTheSumsIsSaidNotToBeReached() throws {
    try withTemporaryFolder { folder in
      let arguments = ["a + b", "--operator", "svd", "--adapter", "a=\(one)", "--adapter", "b=\(wide)", "--rank"]
      let cut = try run(arguments + ["11", "--output", "cut"], in: folder)
      let note = "--rank 11 is more than the sum has: the result's largest rank is 10.\n"
      #expect(cut.exitCode == 0 && cut.standardOutput.contains(note), "\(cut.standardOutput)")
      let reached = try run(arguments + ["10", "--output", "reached"], in: folder)
      #expect(reached.exitCode == 0 && !reached.standardOutput.contains("--rank"))
    }
  }

  @Test func aComposedAdapterScoresAsItsOnlyInput() throws {
    try withTemporaryFolder { folder in
      let model = try Fixtures.url("backbones/llama"), adapter = try Fixtures.url("backbones/llama/adapters/lora").path
      let batch = try JSONSerialization.jsonObject(with: Data(contentsOf: model.appending(path: "batch.json")))
      let lines = try ((batch as? [String: Any])?["batch"] as? [Any] ?? []).map { try CommandFixture.text(of: $0) }
      let input = try CommandFixture.write(lines.joined(separator: "\n") + "\n", "batch.jsonl", in: folder)
      _ = try report(["a", "--operator", "cat", "--adapter", "a=\(adapter)", "--output", "same"], in: folder)
      func logits(_ adapter: String, _ file: String) throws -> SafetensorsFile {
        let outcome = try PolyadProcess.run(
          ["score", "--model", model.path, "--adapter", adapter, "--input", input, "--logits", file], in: folder)
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return try SafetensorsFile(folder.appending(path: file))
      }
      let first = try logits(adapter, "first.safetensors"), second = try logits("same", "second.safetensors")
      for name in first.names {
        let expected = try first.array(name), found = try second.array(name)
        let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
        // The scale moves into A: single roundings, relative to the largest.
        #expect(difference <= 5e-6 * (expected.map(abs).max() ?? 0))
      }
    }
  }

  @Test func lotsFollowTheSeed() throws {
    try withTemporaryFolder { folder in
      func bytes(_ seed: [String], _ output: String) throws -> [Data] {
        _ = try report(
          ["a + b", "--operator", "dare_ties", "--density", "0.5", "--adapter", "a=\(one)", "--adapter", "b=\(two)"]
            + seed + ["--output", output], in: folder)
        return try files(folder.appending(path: output))
      }
      let first = try bytes(["--seed", "3"], "1")
      #expect(try first == bytes(["--seed", "3"], "2"))
      #expect(try first != bytes(["--seed", "4"], "3"))
      #expect(try bytes([], "4") == bytes(["--seed", "0"], "5"))
    }
  }

  @Test func aFolderIsReplacedOnlyWhenAskedAndOnlyIfItIsAnAdapter() throws {
    try withTemporaryFolder { folder in
      let arguments = ["a", "--adapter", "a=\(one)", "--output", "out"], out = folder.appending(path: "out")
      _ = try report(arguments, in: folder)
      let before = try files(out)
      let refused = try run(["2*a"] + arguments.dropFirst(), in: folder)
      #expect(refused.exitCode == 2 && refused.standardError.contains("out holds a composed adapter already"))
      #expect(try files(out) == before)
      _ = try report(["2*a"] + arguments.dropFirst() + ["--overwrite"], in: folder)
      #expect(try files(out) != before)
      let own = try run(["a", "--adapter", "a=out", "--output", "out", "--overwrite"], in: folder)
      #expect(own.exitCode == 2 && own.standardError.contains("--output out is one of the adapters"))
      try FileManager.default.createDirectory(at: folder.appending(path: "mine"), withIntermediateDirectories: true)
      _ = try CommandFixture.write("precious", "note.txt", in: folder.appending(path: "mine"))
      let other = try run(["a", "--adapter", "a=\(one)", "--output", "mine", "--overwrite"], in: folder)
      #expect(other.exitCode == 2 && other.standardError.contains("mine is there already and not empty"))
    }
  }
}
