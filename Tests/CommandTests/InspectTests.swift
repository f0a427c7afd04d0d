import Foundation
import TestSupport
import Testing

struct InspectTests {
  private struct Report: Decodable {
    struct Group: Decodable {
      let name: String
      let count: Int
      let parameters: Int
      let shapes: [[Int]]
      let dtypes: [String]
    }

    let kind: String
    let peft_type: String?
    let scale: Double?
    let step: Int?
    let manifest: String?
    let parameters: Int?
    let tensors: [Group]
    let checkpoints: [[String: String]]?
  }

  private func inspect(_ path: String, in folder: URL) throws -> (report: Report, outcome: PolyadProcess.Outcome) {
    let outcome = try PolyadProcess.run(["inspect", path, "--json"], in: folder)
    return (try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8)), outcome)
  }

  @Test func modelsAndAdaptersAreCountedByTensorGroup() throws {
    try withTemporaryFolder { folder in
      let model = try inspect(CommandFixture.model.path, in: folder).report
      #expect(model.kind == "model" && model.parameters == 87_360)
      let attention = try #require(model.tensors.first { $0.name == "transformer.h.*.attn.c_attn.weight" })
      #expect(attention.count == 2 && attention.shapes == [[48, 144]] && attention.dtypes == ["F32"])
      let lora = try inspect(CommandFixture.adapter("lora").path, in: folder).report
      #expect(lora.kind == "adapter" && lora.peft_type == "LORA" && lora.scale == 2 && lora.parameters == 1536)
      #expect(lora.tensors.map(\.parameters) == [384, 1152])
      let vectors = try Fixtures.url("backbones/llama/adapters/ia3").path
      let table = try PolyadProcess.run(["inspect", vectors], in: folder).standardOutput
      #expect(table.contains("feedforward_modules      down_proj\n"))
    }
  }

  @Test func checkpointsAreComparedWithTheirManifests() throws {
    try withTemporaryFolder { folder in
      let recipe = try CommandFixture.recipe(in: folder, extra: "save_steps: 1")
      #expect(try PolyadProcess.run(["train", recipe], in: folder).exitCode == 0)
      let good = try inspect("run/checkpoint-2", in: folder)
      #expect(good.outcome.exitCode == 0)
      #expect(good.report.kind == "checkpoint" && good.report.step == 2)
      #expect(good.report.manifest == "every file matches")

      let file = folder.appending(path: "run/checkpoint-1/adapter_model.safetensors")
      var bytes = try Data(contentsOf: file)
      bytes[bytes.count - 1] ^= 1
      try bytes.write(to: file)
      let bad = try inspect("run/checkpoint-1", in: folder)
      #expect(bad.outcome.exitCode == 4)
      #expect(bad.outcome.messages.count == 1 && bad.outcome.messages[0].contains("is damaged: expected the SHA-256"))
      #expect(bad.report.manifest?.contains("is damaged") == true)
      let run = try inspect("run", in: folder)
      #expect(run.outcome.exitCode == 0 && run.report.kind == "run" && run.report.peft_type == "LORA")
      #expect(run.report.checkpoints?.map { $0["name"] } == ["checkpoint-1", "checkpoint-2"])
      #expect(run.report.checkpoints?.last?["manifest"] == "matches its manifest")
    }
  }

  @Test func aFolderOfSomethingElseIsAnError() throws {
    try withTemporaryFolder { folder in
      let outcome = try PolyadProcess.run(["inspect", folder.path], in: folder)
      #expect(outcome.exitCode == 4)
      #expect(
        outcome.messages == [
          "polyad: \(folder.path) holds neither a model (config.json), an adapter (adapter_config.json), a checkpoint "
            + "nor a run (recipe.yaml)"
        ])
    }
  }
}
