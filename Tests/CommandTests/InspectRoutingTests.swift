import Foundation
import TestSupport
import Testing

/// What `polyad inspect` shows of an adapter's parameters and routing.
struct InspectRoutingTests {
  private struct Report: Decodable {
    struct Formula: Decodable {
      let maps: String
      let count: Int
      let formula: String
      let symbols: [String: Int]
      let parameters_each: Int
      let parameters: Int
    }

    struct Dead: Decodable, Equatable {
      let router: Int
      let expert: Int
    }

    struct Map: Decodable {
      let map: String
      let weights: [[Double]]?
      let routers: Int?
      let shares: [Double]?
      let first_choices: [Double]?
      let mean_entropy: Double?
      let entropy_share: Double?
      let dead_experts: [Dead]?
    }

    struct Routing: Decodable {
      let kind: String
      let tasks: [String]?
      let skills: [String]?
      let tokens: Int?
      let maps: [Map]?
    }

    let parameters: Int
    let active_rank: Int?
    let formula: [Formula]
    let routing: Routing?
  }

  private func inspect(_ arguments: String..., ranks: Int = 1, in folder: URL) throws -> Report {
    let outcome = try PolyadProcess.run(["inspect", "--json"] + arguments, ranks: ranks, in: folder)
    #expect(outcome.exitCode == 0 && outcome.messages.isEmpty, "\(outcome)")
    return try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8))
  }

  private static let layer = "transformer.h.0.attn.c_attn"

  @Test(arguments: [
    ("lora", "r (P + Q)", 4), ("task-lora", "T r (P + Q)", 3), ("molora", "m r (P + Q) + m P", 6),
    ("molora-sd", "r P + m r Q + m P", 2), ("mode", "r P + m r Q + r m P", 4),
    ("mode-block", "r P + m r Q + (r / block) m P", 4), ("c-poly", "(A + T B) r (P + Q) + T (A + B)", 8),
  ])
  func theFormulaGivesTheParameters(name: String, formula: String, activeRank: Int) throws {
    try withTemporaryFolder { folder in
      let report = try inspect(CommandFixture.adapter(name).path, in: folder)
      #expect(report.formula.count == 1)
      let found = try #require(report.formula.first)
      #expect(found.formula == formula && found.maps == "transformer.h.*.attn.c_attn" && found.count == 2)
      #expect(found.symbols["P"] == 48 && found.symbols["Q"] == 144)
      #expect(2 * found.parameters_each == report.parameters && found.parameters == report.parameters)
      #expect(report.active_rank == activeRank)
    }
  }

  @Test func tasksHaveTheWeightsOfEvaluation() throws {
    try withTemporaryFolder { folder in
      // σ(0) = 1/2 and σ(ln 3) = 3/4.
      try RoutedFolder.writeCPoly(
        to: folder.appending(path: "adapter"), names: ["rte", "wic"], common: [0, 1.0986123])
      let routing = try #require(try inspect("adapter", in: folder).routing)
      #expect(routing.kind == "task" && routing.tasks == ["rte", "wic"] && routing.skills == ["common 0", "own 0"])
      #expect(routing.maps?.map(\.map) == [Self.layer, "transformer.h.1.attn.c_attn"])
      for map in routing.maps ?? [] {
        #expect(map.weights?[0] == [0.5, 1])
        // The logit is rounded to single precision.
        #expect(abs((map.weights?[1][0] ?? 0) - 0.75) < 1e-7 && map.weights?[1][1] == 0.25)
      }
      let text = try PolyadProcess.run(["inspect", "adapter"], in: folder).standardOutput
      #expect(
        text.contains(
          """
          \(Self.layer)  common 0   own 0
          ---------------------------  --------  ------
          rte                            0.5000  1.0000
          wic                            0.7500  0.2500

          """))
    }
  }

  @Test func manyTasksAreShownByTheirMean() throws {
    try withTemporaryFolder { folder in
      let own = (0..<70).map { Float($0) }
      try RoutedFolder.writeCPoly(
        to: folder.appending(path: "adapter"), names: [], common: own.map { _ in 0 }, own: own)
      let text = try PolyadProcess.run(["inspect", "adapter"], in: folder).standardOutput
      #expect(text.contains("\nmean of 2 maps   common 0    own 0\n"))
      #expect(text.contains("\ntask 59            0.5000  59.0000\n… 10 more tasks\n"))
      #expect(text.contains("--json has all of them."))
      let maps = try #require(try inspect("adapter", in: folder).routing?.maps)
      #expect(maps.count == 2 && maps.allSatisfy { $0.weights?.count == 70 })
    }
  }

  @Test func tasksWithNothingToChooseHaveNoTable() throws {
    try withTemporaryFolder { folder in
      let file = try CommandFixture.adapter("task-lora").path
      let text = try PolyadProcess.run(["inspect", file], in: folder).standardOutput
      #expect(text.contains("Routed by task: each of the 3 tasks uses its own LoRA alone.\n"))
    }
  }

  private func withMoLoRA<Result>(router: [Float], _ body: (URL) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      try RoutedFolder.writeMoLoRA(
        to: folder.appending(path: "adapter"), router: router, model: CommandFixture.model.path)
      _ = try CommandFixture.write(CommandFixture.batch().lines, "batch.jsonl", in: folder)
      return try body(folder)
    }
  }

  @Test(arguments: [1, 2]) func aRouterOfZerosTreatsExpertsAlike(ranks: Int) throws {
    try withMoLoRA(router: Array(repeating: 0, count: 3 * RoutedFolder.inputs)) { folder in
      let routing = try #require(try inspect("adapter", "--data", "batch.jsonl", ranks: ranks, in: folder).routing)
      #expect(routing.kind == "token" && routing.tokens == 319 && routing.maps?.count == 2)
      for map in routing.maps ?? [] {
        #expect(map.shares?.allSatisfy { abs($0 - 1.0 / 3) < 1e-6 } == true)
        #expect(abs((map.mean_entropy ?? 0) - 1.0986123) < 1e-6 && abs((map.entropy_share ?? 0) - 1) < 1e-6)
        #expect(map.dead_experts == [])
      }
    }
  }

  /// Logits k, -k and 0 with a large k of either sign: the third expert is never the largest, and gets nothing.
  @Test func anExpertThatNoTokenChoosesIsDead() throws {
    let direction = RoutedFolder.ramp(RoutedFolder.inputs, 3).map { $0 * 1e5 }
    try withMoLoRA(router: direction + direction.map { -$0 } + direction.map { _ in 0 }) { folder in
      let report = try inspect("adapter", "--data", "batch.jsonl", in: folder)
      for map in report.routing?.maps ?? [] {
        #expect(map.dead_experts == [.init(router: 0, expert: 2)])
        #expect(map.first_choices?[2] == 0 && (map.shares?[2] ?? 1) < 0.01 / 3 && (map.entropy_share ?? 1) < 0.05)
      }
      let text = try PolyadProcess.run(["inspect", "adapter", "--data", "batch.jsonl"], in: folder).standardOutput
      #expect(text.contains("expert 0") && text.contains("Measured on 319 tokens, every position counted."))
      let bare = try PolyadProcess.run(["inspect", "adapter"], in: folder).standardOutput
      #expect(bare.contains("Routed by token: --data F.jsonl"))
    }
  }

  @Test func measuringNeedsATokenRouterAndAModel() throws {
    try withTemporaryFolder { folder in
      func check(_ text: String, _ arguments: String...) throws {
        let outcome = try PolyadProcess.run(["inspect"] + arguments, in: folder)
        #expect(outcome.exitCode == 2 && outcome.messages.count == 1)
        #expect(outcome.messages.first?.hasPrefix("polyad: " + text) == true, "\(outcome.messages)")
      }
      let (lora, mode) = (try CommandFixture.adapter("lora").path, try CommandFixture.adapter("mode").path)
      let model = CommandFixture.model.path
      try check(
        "--data measures token routers, but \(lora) holds an adapter of peft_type LORA: leave --data out", lora,
        "--data", "x.jsonl")
      try check(
        "--data measures token routers, but \(model) holds no adapter that can be used: leave --data out", model,
        "--data", "x.jsonl")
      try check(
        "\(mode) does not name its model (base_model_name_or_path): say which one with --model", mode, "--data",
        "x.jsonl")
      try check("--model is for --data alone", mode, "--model", "x")
    }
  }

  @Test func aRouterWithNaNIsOneClearLine() throws {
    try withTemporaryFolder { folder in
      try RoutedFolder.writeCPoly(to: folder.appending(path: "adapter"), names: [], common: [0, .nan])
      let input = try CommandFixture.write(#"{"input_ids": [1, 2]}"# + "\n", "lines.jsonl", in: folder)
      let commands = [
        ["inspect", "adapter"], ["export", "--adapter", "adapter", "--task", "0", "--output", "out"],
        ["score", "--model", CommandFixture.model.path, "--adapter", "adapter", "--input", input],
      ]
      for command in commands {
        let outcome = try PolyadProcess.run(command, in: folder)
        #expect(outcome.exitCode == 4 && outcome.messages.count == 1, "\(command): \(outcome)")
        #expect(
          outcome.messages.first?.hasSuffix(
            "adapter/adapter_model.safetensors: tensor base_model.model.\(Self.layer).router_common holds NaN or "
              + "infinite numbers") == true, "\(command): \(outcome.messages)")
      }
    }
  }

  @Test func aFolderThatIsNotThereIsSaidToBeMissing() throws {
    try withTemporaryFolder { folder in
      let outcome = try PolyadProcess.run(["inspect", "nowhere"], in: folder)
      #expect(outcome.exitCode == 4)
      #expect(outcome.messages == ["polyad: there is no folder \(folder.path)/nowhere; check the path"])
    }
  }

  @Test func anAdapterOfAnotherKindIsShownAsFarAsItIsKnown() throws {
    try withTemporaryFolder { folder in
      let adapter = folder.appending(path: "adapter")
      try RoutedFolder.writeCPoly(to: adapter, names: [])
      try Data(#"{"peft_type": "VERA", "r": 4}"#.utf8).write(to: adapter.appending(path: "adapter_config.json"))
      let outcome = try PolyadProcess.run(["inspect", "adapter"], in: folder)
      #expect(outcome.exitCode == 0 && outcome.standardOutput.contains(#"peft_type "VERA" is not supported"#))
    }
  }
}
