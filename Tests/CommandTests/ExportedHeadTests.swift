import Checkpoints
import Foundation
import TestSupport
import Testing

/// Classification heads of single tasks through `export`, and exports through the other commands.
struct ExportedHeadTests {
  /// A folder with the model, the same without its head as `bare`, and an adapter with a head for each task.
  private func withHeads(_ family: String, _ type: String, _ body: (FamilyFolder) throws -> Void) throws {
    try FamilyFolder.with(family) { folder in
      _ = try folder.train("adapter: {peft_type: \(type), r: 2}\nmax_steps: 4", as: "run", ranks: 1, heads: [2, 4, 3])
      let bare = folder.file("bare")
      try FileManager.default.createDirectory(at: bare, withIntermediateDirectories: true)
      let config = try String(contentsOf: folder.file("model/config.json"), encoding: .utf8)
      _ = try CommandFixture.write(
        config.replacing(/(Bert|Roberta)ForSequenceClassification/) { $0.output.1 + "Model" }, "config.json", in: bare)
      var weights = try TensorFile(folder.file("model/model.safetensors"))
      weights.tensors = weights.tensors.filter { !$0.key.hasPrefix("classifier.") }
      try weights.write(to: bare.appending(path: "model.safetensors"))
      try body(folder)
    }
  }

  private func logits(_ folder: FamilyFolder, _ model: String, _ adapter: String, _ options: [String] = []) throws
    -> [[Float]]
  {
    _ = try folder.run(
      ["score", "--model", model, "--adapter", adapter, "--input", "0.jsonl", "--logits", "logits.safetensors"]
        + options)
    let file = try SafetensorsFile(folder.file("logits.safetensors"))
    return try file.names.map(file.array)
  }

  @Test(arguments: ["bert", "roberta"], ["LORA", "C_POLY"])
  func anExportedTaskBringsItsHeadToAnyModel(family: String, type: String) throws {
    try withHeads(family, type) { folder in
      _ = try folder.run(["export", "--adapter", "run", "--all-tasks", "--output", "all"])
      _ = try folder.run(["export", "--adapter", "run", "--task", "task1", "--output", "one"])
      for name in ["adapter_config.json", "adapter_model.safetensors"] {
        #expect(
          try Data(contentsOf: folder.file("one/\(name)")) == Data(contentsOf: folder.file("all/task-1-task1/\(name)")))
      }
      for (task, count) in [2, 4, 3].enumerated() {
        let expected = try logits(folder, "model", "run", ["--task", "task\(task)"])
        #expect(expected.map(\.count) == [count, count])
        for model in ["model", "bare"] {
          let found = try logits(folder, model, "all/task-\(task)-task\(task)")
          for (found, expected) in zip(found, expected) {
            let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
            // Folded factors are summed in another order: a few roundings of single precision.
            #expect(found.count == count && difference <= 5e-6 * (expected.map(abs).max() ?? 0))
          }
        }
      }
    }
  }

  /// An exported head is the model's own from then on: it trains, is saved and is there again in a checkpoint.
  @Test func anExportTrainsOnWithItsHead() throws {
    try withHeads("roberta", "C_POLY") { folder in
      _ = try folder.run(["export", "--adapter", "run", "--task", "task1", "--output", "one"])
      let name = "base_model.model.classifier.out_proj.weight"
      let start = try #require(TensorFile(folder.file("one/adapter_model.safetensors")).tensors[name])
      _ = try CommandFixture.write(
        """
        model_name_or_path: bare
        output_dir: more
        max_seq_length: 128
        adapter: {init_from: one}
        tasks: [{name: other, format: pretokenized, train: 0.jsonl}]
        train_batch_size: 2
        max_steps: 2
        save_steps: 1
        learning_rate: 0.01
        """, "more.yaml", in: folder.url)
      _ = try folder.run(["train", "more.yaml"], ranks: 2)
      let trained = try #require(TensorFile(folder.weights(of: "more")).tensors[name])
      #expect(start.shape == [4, 48] && trained.shape == start.shape && trained.values != start.values)
      try FileManager.default.removeItem(at: folder.file("more/checkpoint-2"))
      try FileManager.default.removeItem(at: folder.file("one"))
      _ = try folder.run(["train", "more.yaml", "--resume"])
      #expect(try TensorFile(folder.weights(of: "more")).tensors[name]?.values == trained.values)
    }
  }

  @Test func inspectShowsTheHeads() throws {
    struct Report: Decodable {
      struct Head: Decodable, Equatable {
        let task: String
        let num_labels: Int
        let labels: [String]
        let parameters: Int
      }

      let task_heads: [Head]
      let unsupported: String?
    }
    try withHeads("bert", "C_POLY") { folder in
      let report = try JSONDecoder().decode(
        Report.self, from: Data(try folder.run(["inspect", "run", "--json"]).standardOutput.utf8))
      #expect(report.unsupported == nil)
      #expect(
        report.task_heads
          == zip(0..., [2, 4, 3]).map { .init(task: "task\($0)", num_labels: $1, labels: [], parameters: 49 * $1) })
      let table = try folder.run(["inspect", "run"]).standardOutput
      #expect(table.contains("classification heads") && table.contains("task2"))
    }
  }

  @Test func tasksThatShareOneHeadAreExportedByNobody() throws {
    try FamilyFolder.with("bert") { folder in
      _ = try folder.train("adapter: {peft_type: LORA, r: 2}\nmax_steps: 1", as: "run", ranks: 1)
      let outcome = try PolyadProcess.run(
        ["export", "--adapter", "run", "--all-tasks", "--output", "out"], in: folder.url)
      #expect(outcome.exitCode == 4)
      #expect(outcome.messages.count == 1 && outcome.messages[0].contains("is the same for all tasks"))
    }
  }
}
