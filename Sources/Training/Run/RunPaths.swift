import Adapters
import Checkpoints
import Foundation
import JSON

/// What of the disk a recipe's run uses, and how far it has come: for launchers, which look after hosts and restarts.
///
/// It is found out without a model, without other ranks and without a change to any file, so that it may be asked for
/// while the run goes on.
public struct RunPaths {
  public let outputDir: String
  /// The model's folder. Like the other paths it is told whether anything is there or not.
  public let model: String
  /// The tokenizer's folder, if it is not the model's.
  public let tokenizer: String?
  /// The folder of the adapter started from, if there is one.
  public let initFrom: String?
  /// The files of the tasks, each once, in the recipe's order.
  public let data: [String]
  /// The newest good checkpoint.
  public let newestCheckpoint: String?
  public let microBatches: Int
  /// Whether the folder holds the trained adapter, or model, and no work is left after it.
  public let isFinished: Bool

  /// Looks at the disk.
  ///
  /// - Throws: `FileError` when output_dir is there and cannot be read.
  public init(_ recipe: Recipe) throws {
    outputDir = recipe.outputDir
    model = ModelAssembly.expectedFolder(recipe.modelNameOrPath)
    let tokenizerName = recipe.tokenizerNameOrPath
    tokenizer =
      tokenizerName == recipe.modelNameOrPath
      ? nil
      : (try? ModelAssembly.tokenizerFolder(tokenizerName).path) ?? ModelAssembly.expectedFolder(tokenizerName)
    initFrom = recipe.adapter.initFrom
    data = recipe.tasks.flatMap { [$0.train, $0.test] }.compactMap { $0 }.filter(\.isFileURL).map(\.path)
      .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    microBatches = recipe.microBatches
    let folder = URL(filePath: recipe.outputDir)
    let newest = try CheckpointFolder.newestGood(in: folder, recovers: false) { _ in }
    newestCheckpoint = newest?.url.path
    isFinished = Self.isFinished(folder, newest, maxSteps: recipe.maxSteps)
  }

  /// Whether the weights at the top of the run folder are those of its newest checkpoint, which a run writes after its
  /// last step. Bytes tell what times of files on other machines would not.
  private static func isFinished(_ folder: URL, _ newest: CheckpointFolder?, maxSteps: Int?) -> Bool {
    let names = [AdapterFolder.weightsName, RunFolder.weightsName]
    guard let name = names.first(where: { FileSystem.isFile(folder.appending(path: $0)) }) else { return false }
    guard let newest else { return true }
    if let maxSteps, newest.step < maxSteps { return false }
    return FileManager.default.contentsEqual(
      atPath: folder.appending(path: name).path, andPath: newest.url.appending(path: name).path)
  }

  /// Keys and values with a tabulator between them; a key with several values has several lines, one without none.
  public var lines: [String] {
    var lines = ["output_dir\t\(outputDir)", "model\t\(model)"]
    if let tokenizer { lines.append("tokenizer\t\(tokenizer)") }
    if let initFrom { lines.append("init_from\t\(initFrom)") }
    lines += data.map { "data\t\($0)" }
    if let newestCheckpoint { lines.append("newest_checkpoint\t\(newestCheckpoint)") }
    return lines + ["micro_batches\t\(microBatches)", "finished\t\(isFinished ? "yes" : "no")"]
  }

  /// The same as an object: `data` a list, and null for what there is not.
  public var json: JSONValue {
    func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    return [
      "output_dir": .string(outputDir), "model": .string(model), "tokenizer": text(tokenizer),
      "init_from": text(initFrom), "data": .array(data.map { .string($0) }),
      "newest_checkpoint": text(newestCheckpoint), "micro_batches": .int(microBatches), "finished": .bool(isFinished),
    ]
  }
}
