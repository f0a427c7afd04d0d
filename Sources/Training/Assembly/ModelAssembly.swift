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
  /// The tokenizer, if there is one.
  public let tokenizer: Tokenizer?

  /// Finds the folder of `model_name_or_path`; `builtin:tiny` is the model that comes with the program.
  public static func folder(_ name: String) throws -> ModelFolder {
    guard name == "builtin:tiny" else { return try ModelFolder.resolve(name) }
    // SwiftPM's Bundle.module ends the program where the folder is missing.
    let program = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    let resources = program.deletingLastPathComponent().appending(path: "polyad_Training.resources")
    guard FileSystem.isFolder(resources) else {
      throw RunError.badState(
        file: name, reason: "the program's folder \(resources.path) is missing; copy it there from where it was built")
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
  ///
  /// - Parameter checkpoint: The checkpoint whose values will take the place of the start's, if there is one.
  public init(_ recipe: Recipe, resuming checkpoint: CheckpointFolder? = nil, ranks: Ranks) throws {
    folder = try Self.folder(recipe.modelNameOrPath)
    loaded =
      recipe.initWeights == .random
      ? try BackboneLoader.random(folder, seed: UInt64(bitPattern: Int64(recipe.initSeed)), node: ranks.node)
      : try BackboneLoader.load(folder, node: ranks.node)
    model = try recipe.makeAdapterModel(loaded.backbone, resuming: checkpoint)
    tokenizer = try Self.tokenizer(
      recipe.tokenizerNameOrPath == recipe.modelNameOrPath ? nil : recipe.tokenizerNameOrPath, beside: folder)
    try recipe.requireFit(positions: loaded.backbone.maximumLength)
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
      : ["\(loaded.unusedTensors.count) tensor(s) of the model are not used: "
        + loaded.unusedTensors.prefix(4).joined(separator: ", ")]
  }

  /// Gives shared memory back. Collective over the node: not for a `defer`, since a rank that meets an error would wait
  /// in it for ranks that never come.
  public func free() throws { try loaded.weights.free() }
}

extension AdapterConfiguration {
  /// A fresh adapter trains the model's own classification head with it, as PEFT's SEQ_CLS does, if a task uses it.
  fileprivate func savingOwnHead(of backbone: any Backbone, for tasks: [TaskSpecification]) -> AdapterConfiguration {
    var result = self
    guard peftType != .full, (backbone as? any ClassifyingBackbone)?.classifier != nil,
      tasks.contains(where: { $0.numLabels == nil }), !modulesToSave.contains("classifier")
    else { return self }
    result.modulesToSave.append("classifier")
    return result
  }
}

extension Recipe {
  /// Checks max_seq_length against a model's positions.
  ///
  /// - Throws: ``RunError/sequenceTooLong(key:value:maximum:)``.
  public func requireFit(positions: Int) throws {
    guard maxSeqLength <= positions else {
      throw RunError.sequenceTooLong(key: "max_seq_length", value: maxSeqLength, maximum: positions)
    }
  }

  /// The recipe's adapter set into a backbone: fresh, or from `init_from`.
  ///
  /// - Parameter checkpoint: A checkpoint whose values will be read later. Its configuration then stands for that of
  ///   `init_from`, whose folder may be gone.
  func makeAdapterModel(_ backbone: any Backbone, resuming checkpoint: CheckpointFolder?) throws -> AdapterModel {
    var configuration = try adapterConfiguration(resuming: checkpoint)
    configuration.baseModel = modelNameOrPath
    if adapter.initFrom == nil { configuration = configuration.savingOwnHead(of: backbone, for: tasks) }
    configuration.routerNoise = RouterNoise(isOn: routerNoise, temperature: routerTemperature)
    let model = try AdapterModel(
      configuration, backbone: backbone, seed: UInt64(bitPattern: Int64(initSeed)), isFresh: adapter.initFrom == nil)
    if let folder = adapter.initFrom, checkpoint == nil {
      let known = try AdapterFolder.configuration(URL(filePath: folder)).taskHeads.map(\.task)
      let newHeads = configuration.taskHeads.map(\.task).filter { !known.contains($0) }
      let part = adapter.trainedPart
      if part != .all, let task = newHeads.first(where: { !adapter.newTasks.contains($0) }) {
        throw TaskHeadError.headIsIdle(task: task, part: part.rawValue)
      }
      try AdapterFolder.loadValues(
        of: model, from: URL(filePath: folder), newTasks: adapter.newTasks.count, newHeads: newHeads)
    }
    let taskCount = configuration.taskCount
    try model.restrictTraining(
      to: adapter.trainedPart, newTasks: taskCount - adapter.newTasks.count..<taskCount, heads: adapter.newTasks)
    return model
  }

  /// What the recipe trains: its own adapter, or the one of `init_from` with the new tasks.
  ///
  /// - Parameter checkpoint: The run's own checkpoint, whose configuration stands for that of `init_from`.
  /// - Throws: ``RecipeError`` when a stated key is otherwise there, `AdapterError`, or an error of the file.
  public func adapterConfiguration(resuming checkpoint: CheckpointFolder? = nil) throws -> AdapterConfiguration {
    let heads = tasks.compactMap { task in
      task.numLabels.map { TaskHead(task: task.name, labelCount: $0, labels: task.labels) }
    }
    guard let folder = adapter.initFrom else { return try adapter.configuration.adding(heads: heads) }
    let saved = try AdapterFolder.configuration(checkpoint?.url ?? URL(filePath: folder))
    // A checkpoint knows the new tasks already.
    let before = checkpoint == nil ? saved : saved.removing(newTasks: adapter.newTasks)
    var start = try adapter.reconciled(with: before).configuration
    if start.routing == .task, start.taskNames.isEmpty, start.taskCount == tasks.count, adapter.newTasks.isEmpty {
      start.taskNames = tasks.map(\.name)
    }
    for name in adapter.newTasks where !tasks.contains(where: { $0.name == name || $0.format == .pretokenized }) {
      throw AdapterTaskError.newTaskIsIdle(name)
    }
    return try start.adding(newTasks: adapter.newTasks).adding(heads: heads)
  }
}
