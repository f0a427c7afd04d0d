import Adapters
import Backbones
import Checkpoints
import Foundation
import ModelTestSupport
import Tensors
import TestSupport
import Testing
import Training

/// Tasks with classification heads of their own as adapters of stock PEFT; these on models with other heads or none.
struct HeadExportTests {
  private static let kinds = [EncoderConfiguration.Kind.bert, .roberta]

  /// Methods that PEFT has, or that fold into one that it has.
  private static let methods = [
    lora(["query"]), lora(["query"]) { $0.useDoRA = true }, ia3(["query", "value"], feedforward: ["value"]),
    adapter(.taskLoRA, ["query"]), adapter(.poly, ["query"]), adapter(.cPoly, ["query"]),
  ]

  /// Names with dots, and with a part that heads have too.
  private static let heads = [
    TaskHead(task: "glue.rte", labelCount: 2, labels: ["no", "yes"]), TaskHead(task: "dense", labelCount: 4),
    TaskHead(task: "glue", labelCount: 1),
  ]

  /// - Parameter classCount: Of the model's own head; nil: it has none.
  private static func backbone(_ kind: EncoderConfiguration.Kind, classCount: Int?, hasPooler: Bool = true)
    -> any Backbone
  {
    var shape = EncoderConfiguration(kind)
    (shape.vocabularySize, shape.placeCount, shape.width) = (13, 11, 8)
    (shape.layerCount, shape.headCount, shape.innerWidth) = (2, 2, 14)
    (shape.classCount, shape.hasPooler) = (classCount, hasPooler && kind == .bert)
    return TestModel.random(shape)
  }

  /// A method with the heads, for tasks of which the last has none.
  private static func withHeads(_ configuration: AdapterConfiguration, savesOwn: Bool = true) -> AdapterConfiguration {
    var result = configuration
    (result.taskHeads, result.modulesToSave) = (heads, savesOwn ? ["classifier"] : [])
    if result.routing == .task { result.taskNames = heads.map(\.task) + ["shared"] }
    return result
  }

  /// Calls `body` with a model of three classes, its adapter at work, and the adapter's folder.
  private func withModel(
    _ kind: EncoderConfiguration.Kind, _ configuration: AdapterConfiguration,
    _ body: (AdapterModel, _ folder: URL) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let model = try AdapterModel(configuration, backbone: Self.backbone(kind, classCount: 3), seed: 1)
      model.scatterValues()
      try AdapterFolder.write(model, to: folder)
      try body(model, folder)
    }
  }

  private func export(_ task: Int, of folder: URL) throws -> URL {
    let target = folder.appending(path: "\(task)")
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    try TaskExport(SavedAdapter(folder)).write(task, into: target)
    return target
  }

  private func logits(_ model: AdapterModel, task: Int = 0, _ head: HeadChoice = .classifier) -> [Float] {
    var batch = PackedBatch()
    for tokens in [[2, 7, 11, 1], [5, 3]] as [[Int32]] {
      batch.appendClassified(tokens: tokens[...], types: [], label: 0, head: head, route: task, ordinal: 0)
    }
    return Objective(model).withLogits(of: batch) { $0.array() }
  }

  /// Single precision keeps about 1e-7 of a sum; a few times as much is lost in sums of other order: 3e-6 of the norm.
  @Test(arguments: kinds, methods.indices)
  func anExportClassifiesAsItsTaskDoes(kind: EncoderConfiguration.Kind, method: Int) throws {
    let configuration = Self.withHeads(Self.methods[method])
    try withModel(kind, configuration) { model, folder in
      let export = try TaskExport(SavedAdapter(folder))
      #expect(export.tasks == configuration.lineTasks)
      for (task, name) in export.tasks.enumerated() {
        let expected = logits(model, task: task, configuration.headChoice(of: name))
        let target = try self.export(task, of: folder)
        for classCount in [nil, 3, 5] {
          let loaded = try AdapterFolder.load(target, into: Self.backbone(kind, classCount: classCount))
          #expect(loaded.head(.classifier)?.outputCount == expected.count / 2)
          #expect(relativeDistance(logits(loaded), expected) < 3e-6)
          // What is written again is the same.
          let again = folder.appending(path: "again")
          try FileManager.default.createDirectory(at: again, withIntermediateDirectories: true)
          try AdapterFolder.write(loaded, to: again)
          let (first, second) = (try SavedAdapter(target), try SavedAdapter(again))
          #expect(first.configuration == second.configuration)
          #expect(first.wholeTensors.map(\.name) == second.wholeTensors.map(\.name))
          #expect(first.wholeTensors.map(\.values) == second.wholeTensors.map(\.values))
        }
      }
    }
  }

  @Test(arguments: kinds, [true, false])
  func anExportHoldsItsOwnHeadAlone(kind: EncoderConfiguration.Kind, savesOwn: Bool) throws {
    let parts =
      kind == .bert ? ["bias", "weight"] : ["dense.bias", "dense.weight", "out_proj.bias", "out_proj.weight"]
    let configuration = Self.withHeads(adapter(.cPoly, ["query"]), savesOwn: savesOwn)
    try withModel(kind, configuration) { model, folder in
      for (task, name) in configuration.taskNames.enumerated() {
        let saved = try SavedAdapter(export(task, of: folder))
        let hasOwn = configuration.head(of: name) != nil
        #expect(saved.configuration.modulesToSave == (hasOwn || savesOwn ? ["classifier"] : []))
        #expect(saved.configuration.taskHeads.isEmpty && saved.configuration.taskType == "SEQ_CLS")
        #expect(
          saved.wholeTensors.map(\.name)
            == (hasOwn || savesOwn ? parts.map { "base_model.model.classifier." + $0 } : []))
        let path = "base_model.model.classifier." + (hasOwn ? name + "." : "")
        #expect(saved.wholeTensors.map(\.values) == zip(saved.wholeTensors, parts).map { model.numbers(path + $1) })
      }
    }
  }

  @Test func foldersAreNamedByHeadsWhereTasksAreNotRouted() throws {
    try withModel(.bert, Self.withHeads(lora(["query"]))) { _, folder in
      let export = try TaskExport(SavedAdapter(folder))
      #expect((0..<3).map(export.folderName) == ["task-0-glue_rte", "task-1-dense", "task-2-glue"])
      #expect(
        errorText { try export.write(3, into: folder) }
          == "the adapter has no task 3: its tasks are numbered from 0 to 2")
    }
  }

  @Test(arguments: kinds) func headsAreToldFromTheModelsOwn(kind: EncoderConfiguration.Kind) throws {
    try withModel(kind, Self.withHeads(lora(["query"]))) { _, folder in
      let saved = try SavedAdapter(folder)
      #expect(saved.heads.map(\.head) == Self.heads)
      #expect(saved.heads.map(\.parameterCount) == [2, 4, 1].map { 9 * $0 + (kind == .bert ? 0 : 72) })
      #expect(saved.wholeTensors.count == (kind == .bert ? 2 : 4) && saved.configuration.savedClassCount == 3)
    }
  }

  // MARK: Errors

  /// The text when an adapter with heads is read after a change of its tensors.
  private func text(
    _ kind: EncoderConfiguration.Kind, _ change: (inout [SafetensorsWriter.ArrayTensor]) -> Void
  ) throws -> String {
    var found = ""
    try withModel(kind, Self.withHeads(lora(["query"]))) { _, folder in
      let url = folder.appending(path: AdapterFolder.weightsName)
      var tensors = try withExtendedLifetime(SafetensorsFile(url)) { file in
        try file.names.map { (name: $0, shape: try file.info($0).shape, values: try file.array($0)) }
      }
      change(&tensors)
      try SafetensorsWriter.write(to: url, arrays: tensors)
      found = errorText { _ = try SavedAdapter(folder) }.replacing(url.path, with: "FILE")
    }
    return found
  }

  @Test func headsAtFaultAreNamed() throws {
    #expect(
      try text(.bert) { $0.removeAll { $0.name.hasSuffix("classifier.glue.rte.bias") } }
        == "FILE: the classification head of task glue.rte, which adapter_config.json names, is missing; copy the "
        + "whole adapter folder again")
    #expect(
      try text(.roberta) { tensors in
        let place = tensors.firstIndex { $0.name.hasSuffix("classifier.dense.out_proj.weight") }!
        tensors[place] = (tensors[place].name, [3, 8], [Float](repeating: 0, count: 24))
      } == "FILE: tensor base_model.model.classifier.dense.out_proj.weight has shape [3, 8], adapter_config.json asks "
        + "for [4, any]")
  }

  @Test func aModelWithoutAPoolerTakesNoHead() throws {
    try withModel(.bert, Self.withHeads(lora(["query"]))) { _, folder in
      let target = try export(0, of: folder)
      let bare = Self.backbone(.bert, classCount: nil, hasPooler: false)
      #expect(
        errorText { _ = try AdapterFolder.load(target, into: bare) }.hasSuffix(
          "2 tensor(s) have no place in this model and adapter: base_model.model.classifier.bias, "
            + "base_model.model.classifier.weight"))
    }
  }
}
