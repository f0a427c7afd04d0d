import Checkpoints
import Foundation

/// One task of a task-routed adapter as a plain LoRA in PEFT's layout.
public struct TaskExport {
  private let adapter: SavedAdapter
  private let method: any TaskRoutedMethod

  /// - Throws: ``SavedAdapterError`` when the adapter's method is not routed by task.
  public init(_ adapter: SavedAdapter) throws {
    self.adapter = adapter
    let type = adapter.configuration.peftType
    guard type.routing != .token else { throw SavedAdapterError.routedByToken(type: type.rawValue) }
    guard let method = try adapter.method() as? any TaskRoutedMethod else {
      throw SavedAdapterError.notRoutedByTask(type: type.rawValue)
    }
    self.method = method
  }

  /// What adapter_config.json will say, the same for every task.
  public var configuration: AdapterConfiguration {
    var result = AdapterConfiguration(peftType: .lora)
    let source = adapter.configuration, (rank, alpha) = method.taskLoRA
    (result.adapterRank, result.loraAlpha) = (rank, alpha)
    (result.targetModules, result.modulesToSave) = (source.targetModules, source.modulesToSave)
    (result.baseModel, result.taskType) = (source.baseModel, source.taskType)
    return result
  }

  /// The name of a task's folder among others: `task-<number>-<name>`, with `_` in place of all but ASCII's letters and
  /// digits, `_` and `-`.
  ///
  /// PEFT writes an adapter's name into the paths of its parameters. This one is never a part of a path that is there
  /// already: modules and parameters are Python's attributes, whose names hold no hyphen.
  public func folderName(of task: Int) -> String {
    let names = adapter.configuration.taskNames
    guard names.indices.contains(task) else { return "task-\(task)" }
    return "task-\(task)-" + names[task].replacing(/[^A-Za-z0-9_-]/, with: "_")
  }

  /// Writes a task's adapter_config.json and adapter_model.safetensors into an existing folder.
  ///
  /// - Throws: ``SavedAdapterError/taskOutOfRange(_:taskCount:)``, what ``TaskRoutedMethod/factors(of:at:)`` throws, or
  ///   an error of a file.
  public func write(_ task: Int, into folder: URL) throws {
    let taskCount = adapter.configuration.taskCount
    guard (0..<taskCount).contains(task) else {
      throw SavedAdapterError.taskOutOfRange(task, taskCount: taskCount)
    }
    let rank = method.taskLoRA.adapterRank
    var tensors: [SafetensorsWriter.ArrayTensor] = adapter.wholeTensors.map { ($0.name, $0.shape, $0.values) }
    for site in adapter.sites {
      let factors = try method.factors(of: task, at: site)
      tensors.append((AdapterPlan.name(site.path, "lora_A.weight"), [rank, factors.inputs], factors.a))
      tensors.append((AdapterPlan.name(site.path, "lora_B.weight"), [factors.outputs, rank], factors.b))
    }
    let file = folder.appending(path: AdapterFolder.weightsName)
    try SafetensorsWriter.write(to: file, arrays: tensors)
    try SafetensorsWriter.verify(file, arrays: tensors)
    let data = try JSONSerialization.data(
      withJSONObject: configuration.json(storesInputsFirst: adapter.storesInputsFirst),
      options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try FileSystem.atomicWrite(data, to: folder.appending(path: AdapterFolder.configurationName))
  }
}
