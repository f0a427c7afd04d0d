import Checkpoints
import Foundation
import TestSupport

/// The GPT-2 fixture as the commands meet it.
enum CommandFixture {
  static let model = Fixtures.root.appending(path: "backbones/gpt2")

  static func adapter(_ name: String) throws -> URL { try Fixtures.url("backbones/gpt2/adapters/\(name)") }

  /// The golden numbers of an adapter, or of the whole model.
  static func expected(_ adapter: String?) throws -> URL {
    try Fixtures.url("backbones/gpt2/\(adapter.map { "adapters/\($0)/" } ?? "")expected.safetensors")
  }

  struct Generated: Decodable {
    let promptIds: [Int]
    let greedyIds: [Int]

    private enum CodingKeys: String, CodingKey {
      case promptIds = "prompt_ids"
      case greedyIds = "greedy_ids"
    }
  }

  /// The batch as lines, and the prompts with their greedy continuations.
  static func batch() throws -> (lines: String, generated: [Generated]) {
    struct Generation: Decodable {
      let generate: [Generated]
    }
    let data = try Data(contentsOf: model.appending(path: "batch.json"))
    let json = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let lines = try (json?["batch"] as? [Any] ?? []).map { try text(of: $0) }
    return (lines.joined(separator: "\n") + "\n", try JSONDecoder().decode(Generation.self, from: data).generate)
  }

  /// A value as JSON on one line.
  static func text(of value: Any) throws -> String {
    String(decoding: try JSONSerialization.data(withJSONObject: value, options: .sortedKeys), as: UTF8.self)
  }

  /// Lines of JSON as values.
  static func decode<Value: Decodable>(_ type: Value.Type, lines: String) throws -> [Value] {
    try lines.split(separator: "\n").map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
  }

  /// Writes a file into a folder and returns its path.
  static func write(_ text: String, _ name: String, in folder: URL) throws -> String {
    let file = folder.appending(path: name)
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file.path
  }

  /// A recipe on the fixture's model with one small task.
  static func recipe(in folder: URL, extra: String = "") throws -> String {
    let lines = (0..<6).map { #"{"source": "say \#($0): ", "target": "\#($0)"}"# }.joined(separator: "\n")
    _ = try write(lines + "\n", "data.jsonl", in: folder)
    return try write(
      """
      model_name_or_path: \(model.path)
      output_dir: \(folder.appending(path: "run").path)
      adapter: {peft_type: LORA, r: 2}
      tasks:
        - {name: say, format: jsonl, train: data.jsonl, test: data.jsonl, source: "{source}", target: "{target}"}
      max_seq_length: 64
      max_target_length: 8
      max_steps: 2
      train_batch_size: 2
      micro_batches: 2
      max_new_tokens: 4
      \(extra)
      """, "recipe.yaml", in: folder)
  }
}
