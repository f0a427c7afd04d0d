import Adapters
import Backbones
import Checkpoints
import Foundation
import MessagePassing
import Tensors
import Tokenizers

/// A model with its adapter, as a recipe or a command's options name them.
public struct ModelAssembly {
  public let folder: ModelFolder
  public let loaded: LoadedBackbone
  public let model: AdapterModel
  /// The tokenizer, if there is one.
  public let tokenizer: Tokenizer?
  /// How many copies of the weights this host holds.
  public let copies: WeightCopies
  /// The ranks that share this rank's copy, where they are not the whole node.
  private let group: Communicator?

  /// Finds the folder of `model_name_or_path`; `builtin:tiny` is the model that comes with the program.
  public static func folder(_ name: String) throws -> ModelFolder {
    guard name == "builtin:tiny" else { return try ModelFolder.resolve(name) }
    let resources = try resourcesFolder
    guard FileSystem.isFolder(resources) else {
      throw RunError.badState(
        file: name, reason: "the program's folder \(resources.path) is missing; copy it there from where it was built")
    }
    return try ModelFolder(resources.appending(path: "tiny"))
  }

  /// Where the program's own model lies. SwiftPM's Bundle.module ends the program where the folder is missing.
  private static var resourcesFolder: URL {
    get throws {
      let program = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      return program.deletingLastPathComponent().appending(path: "polyad_Training.resources")
    }
  }

  /// The path of the folder of `model_name_or_path`, or the one that was looked for last where there is none.
  static func expectedFolder(_ name: String) -> String {
    do {
      return try folder(name).url.path
    } catch ModelFolderError.notFound(_, let looked) {
      return looked.last ?? name
    } catch ModelFolderError.incompleteDownload(_, let missing) {
      return missing
    } catch {
      let isOwn = name == "builtin:tiny"
      return (isOwn ? try? resourcesFolder.appending(path: "tiny").path : nil) ?? URL(filePath: name).path
    }
  }

  /// Loads a model and, if given, an adapter folder. Collective over the node.
  ///
  /// - Parameters:
  ///   - precision: How the model's frozen weights are held.
  ///   - recipe: Whose `weights_copy` counts; nil: one copy a host.
  public init(
    model name: String, adapter: String?, tokenizer: String? = nil, precision: Precision, by recipe: Recipe? = nil,
    ranks: Ranks
  ) throws {
    folder = try Self.folder(name)
    (loaded, copies, group) = try Self.load(folder, precision, by: recipe, ranks)
    let backbone = loaded.backbone
    model =
      try adapter.map { try AdapterFolder.load(URL(filePath: $0), into: backbone) } ?? AdapterModel(bare: backbone)
    self.tokenizer = try Self.tokenizer(tokenizer, beside: folder)
  }

  /// Builds what a recipe asks for. Collective over the node.
  ///
  /// - Parameter checkpoint: The configuration of the checkpoint whose values will take the place of the start's, if there
  ///   is one and the model cannot be built without.
  public init(_ recipe: Recipe, resuming checkpoint: AdapterConfiguration? = nil, ranks: Ranks) throws {
    folder = try Self.folder(recipe.modelNameOrPath)
    if recipe.adapter.configuration.peftType == .full {
      let seed = UInt64(bitPattern: Int64(recipe.initSeed))
      loaded =
        recipe.initWeights == .random
        ? try BackboneLoader.random(folder, seed: seed, node: ranks.node)
        : try BackboneLoader.load(folder, node: ranks.node, precision: recipe.precision)
      (copies, group) = (.ofTrainedWeights, nil)
    } else {
      (loaded, copies, group) = try Self.load(folder, recipe.precision, by: recipe, ranks)
    }
    model = try recipe.makeAdapterModel(loaded.backbone, resuming: checkpoint)
    tokenizer = try Self.tokenizer(
      recipe.tokenizerNameOrPath == recipe.modelNameOrPath ? nil : recipe.tokenizerNameOrPath, beside: folder)
    try recipe.requireFit(positions: loaded.backbone.maximumLength)
    try recipe.requireSharing(by: loaded.backbone.architecture)
  }

  /// Loads a model's weights, once a host or once a NUMA domain.
  private static func load(
    _ folder: ModelFolder, _ precision: Precision, by recipe: Recipe?, _ ranks: Ranks
  ) throws -> (LoadedBackbone, WeightCopies, Communicator?) {
    let copies = try recipe.map { recipe in
      try WeightCopies(recipe.weightsCopy, place: recipe.places["weights_copy"], ranks: ranks) {
        try BackboneLoader.byteCount(of: folder, precision: precision)
      }
    }
    let group = try copies?.group(of: ranks.node)
    let loaded = try BackboneLoader.load(
      folder, node: group ?? ranks.node, precision: precision, isCopied: group != nil)
    return (loaded, copies ?? .one, group)
  }

  private static func tokenizer(_ name: String?, beside folder: ModelFolder) throws -> Tokenizer? {
    if let name, !name.isEmpty { return try Tokenizer(folder: tokenizerFolder(name)) }
    return Tokenizer.file(in: folder.url) == nil ? nil : try Tokenizer(folder: folder.url)
  }

  /// The folder of the tokenizer that a path or a model's name means.
  public static func tokenizerFolder(_ name: String) throws -> URL {
    let url = URL(filePath: name)
    if Tokenizer.file(in: url) != nil { return url }
    if FileSystem.isFile(url) { return url.deletingLastPathComponent() }
    return FileSystem.isFolder(url) ? url : try Self.folder(name).url
  }

  /// What the user should know of the model's files.
  public var notes: [String] {
    loaded.unusedTensors.isEmpty
      ? []
      : [
        "\(loaded.unusedTensors.count) tensor(s) of the model are not used: "
          + loaded.unusedTensors.prefix(4).joined(separator: ", ")
      ]
  }

  /// Gives shared memory back. Collective over the node: not for a `defer`, since a rank that meets an error would wait
  /// in it for ranks that never come.
  public func free() throws {
    try loaded.weights.free()
    try group?.free()
  }
}
