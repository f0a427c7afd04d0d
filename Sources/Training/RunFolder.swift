import Adapters
import Checkpoints
import Foundation

/// A run's output folder, as rank 0 keeps it.
struct RunFolder {
  let url: URL
  /// The folder whose config.json and tokenizer files go with a FULL model.
  let modelFolder: ModelFolder
  /// Where tokenizer.json comes from, if there is one.
  let tokenizerFolder: URL?

  static let recipeName = "recipe.yaml"

  var holdsRun: Bool {
    FileSystem.isFile(url.appending(path: Self.recipeName)) || !((try? CheckpointFolder.list(in: url)) ?? []).isEmpty
  }

  /// Removes what an earlier run wrote, and nothing else.
  func clear() throws {
    for checkpoint in try CheckpointFolder.list(in: url) { try AtomicFolder.remove(checkpoint.url) }
    let manager = FileManager.default
    for name in (try? manager.contentsOfDirectory(atPath: url.path)) ?? []
    where name.hasPrefix("events.out.tfevents.")
      || ["metrics.jsonl", "train.log", "predictions.jsonl", "evaluation", Self.recipeName, "adapter_config.json",
        "adapter_model.safetensors", "model.safetensors"].contains(name) {
      try manager.removeItem(at: url.appending(path: name))
    }
  }

  /// Writes a checkpoint, then removes the oldest beyond `limit`.
  func save(
    _ state: TrainerState, _ model: AdapterModel, _ optimizer: AdamW, limit: Int?
  ) throws -> CheckpointFolder {
    let checkpoint = CheckpointFolder(in: url, step: state.step)
    try AtomicFolder.write(to: checkpoint.url, replaceExisting: true) { folder in
      try writeModel(model, to: folder)
      try state.write(optimizer, model.parameters, to: folder)
    }
    if let limit { _ = try CheckpointFolder.prune(in: url, keeping: limit, knownGood: state.step) }
    return checkpoint
  }

  /// Puts the adapter, or the whole model, at the top of the run folder.
  func publish(_ model: AdapterModel) throws {
    try AtomicFolder.publishFiles(into: url) { try writeModel(model, to: $0) }
  }

  private func writeModel(_ model: AdapterModel, to folder: URL) throws {
    try AdapterFolder.write(model, to: folder)
    guard model.configuration?.peftType == .full else { return }
    try copy("config.json", from: modelFolder.url, to: folder)
    for name in ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"] {
      try copy(name, from: tokenizerFolder ?? modelFolder.url, to: folder)
    }
  }

  private func copy(_ name: String, from source: URL, to folder: URL) throws {
    let file = source.appending(path: name)
    guard FileSystem.isFile(file) else { return }
    try FileSystem.read(file).write(to: folder.appending(path: name))
  }
}
