import Backbones
import Checkpoints
import Foundation
import Tensors

/// PEFT's adapter folder: adapter_config.json and adapter_model.safetensors.
public enum AdapterFolder {
  public static let configurationName = "adapter_config.json"
  public static let weightsName = "adapter_model.safetensors"

  /// A folder's configuration as it is written there, for ranks that do not see the folder.
  public struct WrittenConfiguration: Codable, Sendable {
    /// The file, for errors.
    fileprivate let path: String
    fileprivate let json: Data
    /// The outputs of the classification head among the weights.
    fileprivate let classCount: Int?
  }

  /// Reads a folder's configuration.
  ///
  /// - Throws: ``AdapterError``, or an error of the file.
  public static func configuration(_ folder: URL) throws -> AdapterConfiguration {
    try configuration(writtenConfiguration(folder))
  }

  /// Reads the file of a folder's configuration.
  ///
  /// - Throws: An error of the file.
  public static func writtenConfiguration(_ folder: URL) throws -> WrittenConfiguration {
    let file = folder.appending(path: configurationName)
    return WrittenConfiguration(
      path: file.path, json: try FileSystem.read(file), classCount: savedClassCount(folder))
  }

  /// What a folder's configuration says.
  ///
  /// - Throws: ``AdapterError``.
  public static func configuration(_ written: WrittenConfiguration) throws -> AdapterConfiguration {
    guard let json = (try? JSONSerialization.jsonObject(with: written.json)) as? [String: Any] else {
      throw AdapterError.invalidOption("the file", reason: "is not a JSON object", source: written.path)
    }
    var configuration = try AdapterConfiguration(json: json, source: written.path)
    let savesHead = configuration.modulesToSave.contains(TaskHead.ownPath)
    configuration.savedClassCount = savesHead ? written.classCount : nil
    return configuration
  }

  /// The outputs of the classification head among a folder's weights. A file at fault is reported when it is loaded.
  private static func savedClassCount(_ folder: URL) -> Int? {
    guard let file = try? SafetensorsFile(folder.appending(path: weightsName)) else { return nil }
    return savedClassCount(among: file)
  }

  private static func savedClassCount(among values: any AdapterValues) -> Int? {
    let names = ["weight", "out_proj.weight"].map { AdapterPlan.name(TaskHead.ownPath, $0) }
    return names.first(where: values.contains).flatMap { try? values.shape($0).first }
  }

  /// Sets an adapter into a backbone as its folder would be, if it were written.
  ///
  /// - Throws: ``AdapterError`` when it does not fit the backbone.
  public static func load(_ adapter: SavedAdapter, into backbone: any Backbone) throws -> AdapterModel {
    let values = HeldValues(adapter)
    var configuration = adapter.configuration
    let savesHead = configuration.modulesToSave.contains(TaskHead.ownPath)
    configuration.savedClassCount = savesHead ? savedClassCount(among: values) : nil
    let model = try AdapterModel(configuration, backbone: backbone, seed: 0, isFresh: false)
    try loadValues(of: model, from: values)
    return model
  }

  /// Sets the adapter saved in `folder` into a backbone.
  ///
  /// - Parameter routerNoise: The noise of further training.
  /// - Throws: ``AdapterError`` or `SafetensorsError`.
  public static func load(
    _ folder: URL, into backbone: any Backbone, routerNoise: RouterNoise = RouterNoise()
  ) throws -> AdapterModel {
    var configuration = try configuration(folder)
    configuration.routerNoise = routerNoise
    let model = try AdapterModel(configuration, backbone: backbone, seed: 0, isFresh: false)
    try loadValues(of: model, from: folder)
    return model
  }

  /// Reads the values of `model` from a folder, which must hold exactly its parameters, all finite.
  ///
  /// - Parameters:
  ///   - newTasks: How many of the model's tasks, the last ones, the folder does not know: their rows stay.
  ///   - newHeads: Tasks whose heads the folder does not know: these stay.
  public static func loadValues(
    of model: AdapterModel, from folder: URL, newTasks: Int = 0, newHeads: [String] = []
  ) throws {
    let name = model.configuration?.peftType == .full ? "model.safetensors" : weightsName
    try loadValues(
      of: model, from: SafetensorsFile(folder.appending(path: name)), newTasks: newTasks, newHeads: newHeads)
  }

  private static func loadValues(
    of model: AdapterModel, from file: any AdapterValues, newTasks: Int = 0, newHeads: [String] = []
  ) throws {
    let newNames = model.headNames(of: newHeads)
    let entries = model.parameters.entries.filter { !newNames.contains($0.name) }
    for head in model.configuration?.taskHeads ?? [] where !newHeads.contains(head.task) {
      guard model.headNames(of: [head.task]).allSatisfy(file.contains) else {
        throw TaskHeadError.headIsMissing(task: head.task, file: file.path)
      }
    }
    let missing = entries.map(\.name).filter { !file.contains($0) }
    guard missing.isEmpty else { throw AdapterError.missingTensors(missing, file: file.path) }
    let known = Set(entries.map(\.name))
    let surplus = file.names.filter { !known.contains($0) }
    guard surplus.isEmpty else { throw AdapterError.surplusTensors(surplus, file: file.path) }
    for entry in entries {
      let shape = try file.shape(entry.name)
      let expected = entry.shape(withoutTasks: newTasks)
      guard shape == expected else {
        throw AdapterError.wrongShape(name: entry.name, found: shape, expected: expected, file: file.path)
      }
      let values = UnsafeMutableBufferPointer(
        rebasing: model.parameters.values(entry.name)[0..<expected.reduce(1, *)])
      try file.copyFloats(entry.name, into: values)
      guard values.allSatisfy(\.isFinite) else { throw AdapterError.notFinite(name: entry.name, file: file.path) }
    }
  }

  /// Writes a model's adapter into an existing folder; FULL writes a Hugging Face model's `model.safetensors`.
  ///
  /// The file is opened again and compared with memory.
  public static func write(_ model: AdapterModel, to folder: URL) throws {
    guard let configuration = model.configuration else { return }
    let isFull = configuration.peftType == .full
    let tensors = model.parameters.entries.map {
      (name: $0.name, shape: $0.shape, values: UnsafeBufferPointer(model.parameters.values($0.name)))
    }
    let file = folder.appending(path: isFull ? "model.safetensors" : weightsName)
    try SafetensorsWriter.write(to: file, tensors: tensors)
    try SafetensorsWriter.verify(file, tensors: tensors)
    guard !isFull else { return }
    let inputsFirst = model.backbone.linears.first?.layout == .inputsByOutputs
    try write(configuration, storesInputsFirst: inputsFirst, into: folder)
  }

  /// Writes adapter_config.json and adapter_model.safetensors into an existing folder, and reads the numbers again.
  ///
  /// - Throws: An error of a file.
  static func write(
    _ tensors: [SafetensorsWriter.ArrayTensor], _ configuration: AdapterConfiguration, storesInputsFirst: Bool,
    into folder: URL
  ) throws {
    let file = folder.appending(path: weightsName)
    try SafetensorsWriter.write(to: file, arrays: tensors)
    try SafetensorsWriter.verify(file, arrays: tensors)
    try write(configuration, storesInputsFirst: storesInputsFirst, into: folder)
  }

  /// Writes adapter_config.json into an existing folder.
  ///
  /// - Throws: An error of the file.
  static func write(_ configuration: AdapterConfiguration, storesInputsFirst: Bool, into folder: URL) throws {
    let data = try JSONSerialization.data(
      withJSONObject: configuration.json(storesInputsFirst: storesInputsFirst),
      options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try FileSystem.atomicWrite(data, to: folder.appending(path: configurationName))
  }
}

extension TrainableParameters.Entry {
  /// The shape without the rows of the last tasks, which come last.
  fileprivate func shape(withoutTasks count: Int) -> [Int] {
    guard let taskRows, let rows = shape.first else { return shape }
    return [rows - count * taskRows.perTask] + shape.dropFirst()
  }
}
