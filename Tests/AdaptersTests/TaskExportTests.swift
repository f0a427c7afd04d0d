import Adapters
import Backbones
import Foundation
import ModelTestSupport
import Tensors
import TestSupport
import Testing
import Training

/// A task of a routed adapter as a plain LoRA.
struct TaskExportTests {
  private static let configurations = [
    routed(.taskLoRA), routed(.poly), routed(.poly) { $0.splitCount = 4 }, routed(.cPoly),
    routed(.cPoly) { ($0.normalizesRouter, $0.taskSkillCount) = (false, 2) },
    routed(.cPoly) { $0.exclusiveSkills = false }, routed(.cPoly) { $0.commonSkillCount = 0 },
    routed(.cPoly) { $0.taskSkillCount = 0 }, routed(.cPoly) { $0.targetModules = .endings(["c_attn", "c_fc"]) },
    routed(.poly) { $0.modulesToSave = ["ln_f"] },
  ]

  private func logits(_ model: AdapterModel, task: Int) -> [Float] {
    var batch = PackedBatch()
    for sequence in TestSequence.ragged() { batch.appendEveryPosition(tokens: sequence.tokens, route: task) }
    return Objective(model).withLogits(of: batch) { Array($0.elements) }
  }

  private func withExport<Result>(
    _ configuration: AdapterConfiguration, _ body: (AdapterModel, TaskExport, URL) throws -> Result
  ) throws -> Result {
    try withTemporaryFolder { folder in
      let model = try AdapterModel(configuration, backbone: TestModel.random(), seed: 1)
      model.scatterValues()
      try AdapterFolder.write(model, to: folder)
      return try body(model, TaskExport(SavedAdapter(folder)), folder)
    }
  }

  /// Single precision keeps about 1e-7 of a sum; through two layers and the projection on the vocabulary a few times as
  /// much is lost, in an order of its own on either side: 3e-6 of the logits' norm.
  @Test(arguments: configurations.indices) func aTasksLoRAHasTheTasksLogits(index: Int) throws {
    try withExport(Self.configurations[index]) { model, export, folder in
      let bare = logits(AdapterModel(bare: TestModel.random()), task: 0)
      for task in 0..<3 {
        let target = folder.appending(path: "\(task)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        try export.write(task, into: target)
        let lora = try AdapterFolder.load(target, into: TestModel.random())
        #expect(lora.configuration?.peftType == .lora)
        let expected = logits(model, task: task)
        #expect(relativeDistance(expected, bare) > 0.01)
        #expect(relativeDistance(logits(lora, task: 0), expected) < 3e-6)
      }
    }
  }

  @Test func whatTheModelNeedsIsKept() throws {
    let configuration = routed(.cPoly) {
      ($0.baseModel, $0.taskType, $0.modulesToSave) = ("some/model", "SEQ_CLS", ["ln_f"])
    }
    try withExport(configuration) { model, export, folder in
      let target = folder.appending(path: "one")
      try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
      try export.write(1, into: target)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: target.path).sorted() == [
          "adapter_config.json", "adapter_model.safetensors",
        ])
      let saved = try SavedAdapter(target)
      // Two common skills and one of the task's own, of r 2 and α 5 each.
      var expected = lora { ($0.adapterRank, $0.loraAlpha) = (6, 15) }
      (expected.baseModel, expected.taskType, expected.modulesToSave) = ("some/model", "SEQ_CLS", ["ln_f"])
      #expect(saved.configuration == expected && saved.storesInputsFirst)
      #expect(
        saved.wholeTensors.map(\.name) == [
          "base_model.model.transformer.ln_f.bias", "base_model.model.transformer.ln_f.weight",
        ])
      #expect(saved.wholeTensors[0].values == Array(model.parameters.values(saved.wholeTensors[0].name)))
    }
  }

  @Test func aTasksFolderNameHoldsNumberAndName() throws {
    try withExport(routed(.poly) { $0.taskNames = ["rte", "super glue/wic.v2", "été-1"] }) { _, export, _ in
      #expect((0..<3).map(export.folderName) == ["task-0-rte", "task-1-super_glue_wic_v2", "task-2-_t_-1"])
    }
    try withExport(routed(.poly)) { _, export, _ in #expect(export.folderName(of: 2) == "task-2") }
  }

  @Test func whatIsNotRoutedByTaskIsRefused() throws {
    func text(_ configuration: AdapterConfiguration) throws -> String {
      try withTemporaryFolder { folder in
        try AdapterFolder.write(AdapterModel(configuration, backbone: TestModel.random(), seed: 1), to: folder)
        return errorText { _ = try TaskExport(SavedAdapter(folder)) }
      }
    }
    for type in [PEFTType.moLoRA, .moLoRASD, .moDE] {
      #expect(
        try text(routed(type))
          == "a token-routed adapter (\(type.rawValue)) cannot be exported or merged: its experts' weights depend on "
          + "each token, so that no single matrix equals it")
    }
    for configuration in [lora(), ia3(["c_attn"], feedforward: [])] {
      #expect(
        try text(configuration)
          == "an adapter of peft_type \(configuration.peftType.rawValue) is the same for all tasks, so that there is "
          + "no task of it to export: use its folder as it is")
    }
  }

  @Test(arguments: [-1, 3]) func aTaskOutOfRangeIsRefused(task: Int) throws {
    try withExport(routed(.poly)) { _, export, folder in
      #expect(
        errorText { try export.write(task, into: folder) }
          == "the adapter has no task \(task): its tasks are numbered from 0 to 2")
    }
  }

  @Test func aCountThatDiffersIsSaidWithItsFormula() {
    let error = SavedAdapterError.countDiffers(path: "h.0", formula: "r (P + Q)", expected: 6, found: 8, file: "FILE")
    #expect("\(error)" == "FILE: at h.0 the file holds 8 numbers, but adapter_config.json asks for r (P + Q) = 6")
  }
}
