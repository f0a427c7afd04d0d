import Adapters
import Backbones
import Checkpoints
import Foundation
import ModelTestSupport
import TestSupport
import Testing
import Training

/// Tasks' own heads in an adapter's folder: written, read, grown and exported.
struct TaskHeadFolderTests {
  typealias Kind = EncoderConfiguration.Kind

  @Test(arguments: EncoderTestModel.kinds) func theySurviveTheFolder(kind: Kind) throws {
    let model = try EncoderTestModel.model(kind)
    model.scatterValues()
    try withTemporaryFolder { folder in
      try AdapterFolder.write(model, to: folder)
      let loaded = try AdapterFolder.load(folder, into: TestModel.random(EncoderTestModel.shape(kind)))
      #expect(loaded.configuration?.taskHeads == EncoderTestModel.heads)
      #expect(loaded.numbers() == model.numbers())
      let batch = PackedBatch(EncoderTestModel.sequences.filter { $0.labels.isEmpty }, for: .encoderOnly)
      #expect(Objective(loaded).classify(batch).map(\.logits) == Objective(model).classify(batch).map(\.logits))
    }
  }

  @Test(arguments: EncoderTestModel.kinds) func anAdapterInMemoryIsSetAsItsFolderIs(kind: Kind) throws {
    let model = try EncoderTestModel.model(kind)
    model.scatterValues()
    try withTemporaryFolder { folder in
      try AdapterFolder.write(model, to: folder)
      let shape = EncoderTestModel.shape(kind), saved = try SavedAdapter(folder)
      let loaded = try AdapterFolder.load(saved, into: TestModel.random(shape))
      #expect(loaded.configuration == (try AdapterFolder.load(folder, into: TestModel.random(shape))).configuration)
      #expect(loaded.numbers() == model.numbers())
      let lost = saved.tensors.first { !$0.name.contains("classifier") }
      let lacking = try SavedAdapter(
        saved.configuration, storesInputsFirst: false, tensors: saved.tensors.filter { $0 != lost }, file: "sum")
      let text = errorText { _ = try AdapterFolder.load(lacking, into: TestModel.random(shape)) }
      #expect(text.hasPrefix("sum") && text.contains("missing"), "\(text)")
    }
  }

  @Test(arguments: EncoderTestModel.kinds) func aHeadThatIsMissingIsNamedByItsTask(kind: Kind) throws {
    try withTemporaryFolder { folder in
      let weights = try rewritten(EncoderTestModel.model(kind), in: folder) { tensors in
        tensors.removeAll { $0.name == EncoderTestModel.headNames(kind, "cb").last }
      }
      let text = errorText { _ = try AdapterFolder.load(folder, into: TestModel.random(EncoderTestModel.shape(kind))) }
      #expect(
        text == "\(weights.path): the classification head of task cb, which adapter_config.json names, is missing; "
          + "copy the whole adapter folder again")
    }
  }

  @Test func aHeadThatTheConfigurationDoesNotNameIsSurplus() throws {
    try withTemporaryFolder { folder in
      try AdapterFolder.write(EncoderTestModel.model(), to: folder)
      let small = try EncoderTestModel.model(.bert, [EncoderTestModel.heads[0]])
      let text = errorText { try AdapterFolder.loadValues(of: small, from: folder) }
      #expect(text.contains("classifier.cb.weight") && !text.contains("classifier.rte"))
    }
  }

  /// `init_from`: what the folder knows is read, what is new stays fresh.
  @Test(arguments: EncoderTestModel.kinds) func anAdapterGetsHeadsForMoreTasks(kind: Kind) throws {
    for known in [[], [EncoderTestModel.heads[1]]] {
      let old = try EncoderTestModel.model(kind, known)
      old.scatterValues()
      try withTemporaryFolder { folder in
        try AdapterFolder.write(old, to: folder)
        let fresh = try EncoderTestModel.model(kind, seed: 8), start = try EncoderTestModel.model(kind, seed: 8)
        let new = EncoderTestModel.heads.map(\.task).filter { task in !known.contains { $0.task == task } }
        try AdapterFolder.loadValues(of: fresh, from: folder, newHeads: new)
        for entry in fresh.parameters.entries {
          let isNew = new.contains { EncoderTestModel.headNames(kind, $0).contains(entry.name) }
          #expect(fresh.numbers(entry.name) == (isNew ? start : old).numbers(entry.name), "\(entry.name)")
        }
      }
    }
  }

  /// A dot in a name makes no part of one head a part of another's, nor of the model's own.
  @Test(arguments: EncoderTestModel.kinds) func namesMayShareTheirStart(kind: Kind) throws {
    let heads = ["glue", "glue.rte", "dense", "dense.weight"].map { TaskHead(task: $0, labelCount: 2) }
    var configuration = lora(["query"])
    (configuration.taskHeads, configuration.modulesToSave) = ([heads[1], heads[3]], ["classifier"])
    let backbone = { TestModel.random(EncoderTestModel.shape(kind)) }
    let old = try AdapterModel(configuration, backbone: backbone(), seed: 1)
    old.scatterValues()
    for entry in old.parameters.entries { old.parameters.values(entry.name)[0] = 0.5 }
    configuration.taskHeads = heads
    let model = try AdapterModel(configuration, backbone: backbone(), seed: 1)
    #expect(Set(model.parameters.entries.map(\.name)).count == model.parameters.entries.count)
    try withTemporaryFolder { folder in
      try AdapterFolder.write(old, to: folder)
      try AdapterFolder.loadValues(of: model, from: folder, newHeads: ["glue", "dense"])
      for entry in old.parameters.entries { #expect(model.numbers(entry.name) == old.numbers(entry.name)) }
    }
  }

  /// Exported, a task's own head takes the place of the model's, as stock PEFT wants it; without one that stays.
  @Test(arguments: EncoderTestModel.kinds) func anExportedTaskHasItsHead(kind: Kind) throws {
    var configuration = adapter(.cPoly, ["query"])
    (configuration.taskCount, configuration.taskNames) = (3, ["rte", "sst2", "snli"])
    (configuration.modulesToSave, configuration.taskHeads) = (
      ["classifier"], [TaskHead(task: "rte", labelCount: 3), TaskHead(task: "sst", labelCount: 2)]
    )
    let backbone = { TestModel.random(EncoderTestModel.shape(kind)) }
    let model = try AdapterModel(configuration, backbone: backbone(), seed: 1)
    model.scatterValues()
    for entry in model.parameters.entries where entry.name.contains("classifier") {
      for index in entry.range { model.parameters.values[index] += 0.01 * Float(index % 7) }
    }
    try withTemporaryFolder { folder in
      try AdapterFolder.write(model, to: folder)
      let saved = try SavedAdapter(folder)
      #expect(saved.heads.map(\.head) == configuration.taskHeads)
      #expect(saved.wholeTensors.count == EncoderTestModel.headNames(kind, "rte").count)
      for (task, choice) in [(0, HeadChoice.taskClassifier(0)), (1, .classifier)] {
        let target = folder.appending(path: "\(task)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        try TaskExport(saved).write(task, into: target)
        let exported = try AdapterFolder.load(target, into: backbone())
        #expect(exported.configuration?.modulesToSave == ["classifier"] && exported.taskHeads.isEmpty)
        func logits(_ model: AdapterModel, _ head: HeadChoice) -> [Float] {
          let sequences = TestSequence.classified().map { sequence in
            var sequence = sequence
            (sequence.task, sequence.head) = (task, head)
            return sequence
          }
          return model.logits(sequences)
        }
        // Rounding of sums in another order.
        #expect(relativeDistance(logits(exported, .classifier), logits(model, choice)) < 3e-6)
      }
    }
  }

  @Test(arguments: [
    #"{"rte": 2}"#, #"[{"task": "rte"}]"#, #"[{"num_labels": 2}]"#, #"[{"task": "rte", "num_labels": 0}]"#,
    #"[{"task": "rte", "num_labels": 2}, {"task": "rte", "num_labels": 2}]"#,
    #"[{"task": "rte", "num_labels": 2, "labels": ["no", "maybe", "yes"]}]"#,
  ])
  func headsThatCannotBeReadAreRefused(text: String) throws {
    let heads = try JSONSerialization.jsonObject(with: Data(text.utf8))
    let json: [String: Any] = ["peft_type": "LORA", "target_modules": ["query"], "task_heads": heads]
    let message = errorText { _ = try AdapterConfiguration(json: json, source: "adapter_config.json") }
    #expect(message.hasPrefix("adapter_config.json: task_heads"))
    let expected = "must be a list of tasks that differ, each with its num_labels and, if any, as many labels"
    #expect(message.contains(expected), "\(message)")
  }

  /// Writes a model's folder with other tensors, and returns their file.
  private func rewritten(
    _ model: AdapterModel, in folder: URL, _ change: (inout [SafetensorsWriter.ArrayTensor]) -> Void
  ) throws -> URL {
    try AdapterFolder.write(model, to: folder)
    var tensors: [SafetensorsWriter.ArrayTensor] = model.parameters.entries.map {
      ($0.name, $0.shape, model.numbers($0.name))
    }
    change(&tensors)
    let weights = folder.appending(path: AdapterFolder.weightsName)
    try SafetensorsWriter.write(to: weights, arrays: tensors)
    return weights
  }
}
