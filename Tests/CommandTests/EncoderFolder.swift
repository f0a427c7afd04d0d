import Foundation
import TestSupport

/// A train folder whose model is the fixture of an encoder, with its tokenizer.
enum EncoderFolder {
  static func fixture(_ family: String) throws -> URL { try Fixtures.url("backbones/\(family)") }

  /// Runs `body` in a folder with the fixture's model and the fixture's batch, one file a task: `0.jsonl`, ….
  static func with(_ family: String = "bert", _ body: (inout TrainFolder) throws -> Void) throws {
    try TrainFolder.with { folder in
      let fixture = try fixture(family)
      for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        try FileManager.default.removeItem(at: folder.file("model/\(name)"))
        let file = fixture.appending(path: name).resolvingSymlinksInPath()
        try FileManager.default.copyItem(at: file, to: folder.file("model/\(name)"))
      }
      let json = try JSONSerialization.jsonObject(with: Data(contentsOf: fixture.appending(path: "batch.json")))
      let batch = (json as? [String: Any])?["batch"] as? [[String: Any]] ?? []
      try folder.write(batch, to: "batch.jsonl")
      for task in 0..<3 { try folder.write(batch.filter { $0["task"] as? Int == task }, to: "\(task).jsonl") }
      folder.recipe["adapter"] = "{peft_type: LORA, r: 2}"
      folder.recipe["tasks"] = tasks(["", "", ""])
      folder.recipe["train_batch_size"] = "4"
      folder.recipe["micro_batches"] = "3"
      try body(&folder)
    }
  }

  /// The batch's three tasks, with further keys.
  static func tasks(_ keys: [String]) -> String {
    let tasks = keys.enumerated().map { "{name: task\($0), format: pretokenized, train: \($0).jsonl\($1)}" }
    return "[" + tasks.joined(separator: ", ") + "]"
  }

  /// Takes the model's own classification head away.
  static func removeHead(_ folder: TrainFolder) throws {
    try change(folder) { $0["architectures"] = ["BertModel"] }
    let url = folder.file("model/model.safetensors")
    var file = try TensorFile(url)
    file.tensors = file.tensors.filter { !$0.key.hasPrefix("classifier") }
    try file.write(to: url)
  }

  /// Changes the model's config.json.
  static func change(_ folder: TrainFolder, _ change: (inout [String: Any]) -> Void) throws {
    let url = folder.file("model/config.json")
    var json = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any] ?? [:]
    change(&json)
    try JSONSerialization.data(withJSONObject: json).write(to: url)
  }
}
