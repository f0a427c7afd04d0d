import Adapters
import ArgumentParser
import Checkpoints
import Foundation
import Tensors
import Training

extension Precision: ExpressibleByArgument {}

/// The model, its adapter and its tokenizer, as several verbs take them.
struct ModelOptions: ParsableArguments {
  @Option(help: "A Hugging Face model folder, a name in the local Hugging Face cache, or builtin:tiny.")
  var model: String
  @Option(help: "An adapter folder in PEFT's layout.", completion: .directory)
  var adapter: String?
  @Option(help: "The tokenizer's folder, if not the model's.", completion: .directory)
  var tokenizer: String?
  @Option(help: "How the model's frozen weights are held: fp32 or bf16. Default: fp32.")
  var precision = Precision.fp32

  /// Loads what the options name. Collective over the node.
  func load(on ranks: Ranks) throws -> ModelAssembly {
    if ranks.isMain {
      for line in ProductLines.all(precision) + ranks.notes.map({ "note: \($0)" }) { CommandOutput.message(line) }
    }
    return try CommandError.loadingModel {
      if let adapter { try Self.requireAdapter(in: URL(filePath: adapter)) }
      return try ModelAssembly(
        model: model, adapter: adapter, tokenizer: tokenizer, precision: precision, ranks: ranks)
    }
  }

  /// Whether a folder has an adapter's configuration.
  static func holdsAdapter(_ folder: URL) -> Bool {
    FileSystem.isFile(folder.appending(path: AdapterFolder.configurationName))
  }

  /// Whether a folder has a whole model's configuration.
  static func holdsModel(_ folder: URL) -> Bool { FileSystem.isFile(folder.appending(path: "config.json")) }

  /// - Throws: `CommandError.noFolder(path:)` or `CommandError.noAdapter(folder:holdsModel:)`.
  static func requireAdapter(in folder: URL) throws {
    guard FileSystem.isFolder(folder) else { throw CommandError.noFolder(path: folder.path) }
    guard holdsAdapter(folder) else {
      throw CommandError.noAdapter(folder: folder.path, holdsModel: holdsModel(folder))
    }
  }
}
