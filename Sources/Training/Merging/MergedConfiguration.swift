import Checkpoints
import Foundation

/// What a merge changes in config.json.
struct MergedConfiguration {
  /// Whether embedding and output projection are arrays of their own from now on.
  let isUntied: Bool
  /// The type of all weights; nil: as before.
  let dataType: DataType?
  /// The classes of a head that the adapter brings; nil: it brings none.
  let classCount: Int?
  /// Their names; empty if unknown.
  let labels: [String]

  /// Writes a model's config.json, byte by byte where nothing changes.
  ///
  /// - Throws: An error of a file.
  func write(for model: ModelFolder, into folder: URL) throws {
    let changes = changes(of: model)
    let data =
      try changes.isEmpty
      ? model.configuration
      : JSONSerialization.data(
        withJSONObject: model.configurationValues.merging(changes) { $1 },
        options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try FileSystem.atomicWrite(data, to: folder.appending(path: "config.json"))
  }

  private func changes(of model: ModelFolder) -> [String: Any] {
    var changes: [String: Any] = [:]
    if isUntied {
      changes["tie_word_embeddings"] = false
      if model.configurationValues["scale_decoder_outputs"] != nil { changes["scale_decoder_outputs"] = false }
    }
    if let name = dataType?.pytorchName {
      // The newer key, where the file has it; the older is understood by all.
      let keys = ["dtype", "torch_dtype"].filter { model.configurationValues[$0] != nil }
      for key in keys.isEmpty ? ["torch_dtype"] : keys { changes[key] = name }
    }
    if let classCount {
      let names = labels.isEmpty ? (0..<classCount).map { "LABEL_\($0)" } : labels
      changes["id2label"] = Dictionary(uniqueKeysWithValues: names.enumerated().map { ("\($0)", $1) })
      changes["label2id"] = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
      if model.configurationValues["num_labels"] != nil { changes["num_labels"] = classCount }
      changes["problem_type"] = classCount == 1 ? "regression" : "single_label_classification"
      if let family = ["bert": "Bert", "roberta": "Roberta"][model.modelType] {
        changes["architectures"] = [family + "ForSequenceClassification"]
      }
    }
    return changes
  }
}

extension DataType {
  fileprivate var pytorchName: String? {
    switch self {
    case .float32: "float32"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    default: nil
    }
  }
}
