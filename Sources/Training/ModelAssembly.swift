import Adapters
import Backbones
import Checkpoints
import Foundation
import Tasks
import Tensors
import Tokenizers

/// A model with its adapter, as a recipe or a command's options name them.
public struct ModelAssembly {
  public let folder: ModelFolder
  public let loaded: LoadedBackbone
  public let model: AdapterModel
  /// tokenizer.json's tokenizer, if there is one.
  public let tokenizer: Tokenizer?

  /// Finds the folder of `model_name_or_path`; `builtin:tiny` is the model that comes with the program.
  public static func folder(_ name: String) throws -> ModelFolder {
    guard name == "builtin:tiny" else { return try ModelFolder.resolve(name) }
    guard let resources = Bundle.module.resourceURL else {
      throw RunError.badState(file: name, reason: "the program's resource folder is missing beside it; build it again")
    }
    return try ModelFolder(resources.appending(path: "tiny"))
  }

  /// Loads a model and, if given, an adapter folder. Collective over the node.
  public init(model name: String, adapter: String?, tokenizer: String? = nil, ranks: Ranks) throws {
    folder = try Self.folder(name)
    loaded = try BackboneLoader.load(folder, node: ranks.node)
    let backbone = loaded.backbone
    model =
      try adapter.map { try AdapterFolder.load(URL(filePath: $0), into: backbone) } ?? AdapterModel(bare: backbone)
    self.tokenizer = try Self.tokenizer(tokenizer, beside: folder)
  }

  /// Builds what a recipe asks for. Collective over the node.
  public init(_ recipe: Recipe, ranks: Ranks) throws {
    folder = try Self.folder(recipe.modelNameOrPath)
    loaded =
      recipe.initWeights == .random
      ? try BackboneLoader.random(folder, seed: UInt64(bitPattern: Int64(recipe.initSeed)), node: ranks.node)
      : try BackboneLoader.load(folder, node: ranks.node)
    model = try recipe.makeAdapterModel(loaded.backbone)
    tokenizer = try Self.tokenizer(
      recipe.tokenizerNameOrPath == recipe.modelNameOrPath ? nil : recipe.tokenizerNameOrPath, beside: folder)
    if recipe.maxSeqLength > loaded.backbone.maximumLength {
      throw RunError.sequenceTooLong(
        key: "max_seq_length", value: recipe.maxSeqLength, maximum: loaded.backbone.maximumLength)
    }
  }

  private static func tokenizer(_ name: String?, beside folder: ModelFolder) throws -> Tokenizer? {
    if let name, !name.isEmpty { return try Tokenizer(folder: tokenizerFolder(name)) }
    return folder.tokenizerFile == nil ? nil : try Tokenizer(folder: folder.url)
  }

  /// The folder with tokenizer.json that a path or a model's name means.
  public static func tokenizerFolder(_ name: String) throws -> URL {
    let url = URL(filePath: name)
    if FileSystem.isFile(url.appending(path: "tokenizer.json")) { return url }
    if FileSystem.isFile(url) { return url.deletingLastPathComponent() }
    return FileSystem.isFolder(url) ? url : try Self.folder(name).url
  }

  /// What the user should know of the model's files.
  public var notes: [String] {
    loaded.unusedTensors.isEmpty
      ? []
      : ["\(loaded.unusedTensors.count) tensor(s) of the model are not used: "
        + loaded.unusedTensors.prefix(4).joined(separator: ", ")]
  }

  /// Gives shared memory back. Collective over the node: not for a `defer`, since a rank that meets an error would wait
  /// in it for ranks that never come.
  public func free() throws { try loaded.weights.free() }
}

extension Recipe {
  /// The recipe's adapter set into a backbone: fresh, or from `init_from`.
  public func makeAdapterModel(_ backbone: any Backbone) throws -> AdapterModel {
    var adapter = adapter
    let folder = adapter.initFrom.map { URL(filePath: $0) }
    if let folder { adapter = try adapter.reconciled(with: AdapterFolder.configuration(folder)) }
    adapter.configuration.baseModel = modelNameOrPath
    let model = try AdapterModel(
      adapter.configuration, backbone: backbone, seed: UInt64(bitPattern: Int64(initSeed)))
    if let folder { try AdapterFolder.loadValues(of: model, from: folder) }
    return model
  }
}
