import Backbones
import Checkpoints
import Foundation
import ModelTestSupport

@testable import Adapters

/// Hugging Face folders of small models for tests of task vectors.
struct SmallModelFolder {
  /// config.json of ``TestModel/smallConfiguration``.
  static var gpt2: [String: Any] {
    [
      "model_type": "gpt2", "vocab_size": 13, "n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2,
      "n_inner": 12,
    ]
  }
  /// config.json of ``bert(_:classes:)``.
  static var bert: [String: Any] {
    [
      "model_type": "bert", "vocab_size": 13, "max_position_embeddings": 11, "type_vocab_size": 2, "hidden_size": 8,
      "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 14,
    ]
  }

  var configuration = gpt2
  var arrays: [String: [Float]]
  var shapes: [String: [Int]]
  var dataType = DataType.float32
  /// A prefix of names that the file leaves out.
  var omittedPrefix = ""
  var buffers: [(name: String, values: [Int64])] = []

  init(_ seed: UInt64, _ shape: any BackboneConfiguration = TestModel.smallConfiguration) {
    arrays = TestModel.arrays(shape, seed: seed)
    shapes = Dictionary(uniqueKeysWithValues: shape.parameterShapes.map { ($0.name, $0.shape) })
  }

  /// A BERT with a classification head or, without classes, none.
  static func bert(_ seed: UInt64, classes: Int?, labels: [String] = []) -> SmallModelFolder {
    var shape = EncoderTestModel.shape(.bert)
    (shape.classCount, shape.hasTokenHead) = (classes, false)
    var folder = SmallModelFolder(seed, shape)
    folder.configuration = bert
    folder.configuration["architectures"] = [classes == nil ? "BertModel" : "BertForSequenceClassification"]
    let names = labels.isEmpty ? (0..<(classes ?? 0)).map { "LABEL_\($0)" } : labels
    if classes != nil {
      folder.configuration["id2label"] = Dictionary(uniqueKeysWithValues: names.enumerated().map { ("\($0)", $1) })
    }
    return folder
  }

  /// Writes the folder `name` into `parent`.
  func write(_ name: String, in parent: URL) throws -> ModelFolder {
    let folder = parent.appending(path: name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try JSONSerialization.data(withJSONObject: configuration).write(to: folder.appending(path: "config.json"))
    try Data("{}".utf8).write(to: folder.appending(path: "tokenizer.json"))
    let names = arrays.keys.sorted()
    let weights = names.map { (String($0.trimmingPrefix(omittedPrefix)), shapes[$0] ?? [], dataType) }
    try SafetensorsWriter.write(
      to: folder.appending(path: "model.safetensors"),
      typed: weights + buffers.map { ($0.name, [$0.values.count], DataType.int64) }
    ) { place in
      place < names.count
        ? dataType.encode(arrays[names[place]] ?? []) ?? []
        : buffers[place - names.count].values.withUnsafeBytes { Array($0) }
    }
    return try ModelFolder(folder)
  }
}
