import Foundation

/// One task of an adapter as an adapter of stock PEFT: a plain LoRA where tasks are routed, else the adapter itself.
/// The task's own classification head takes the place of the model's.
public struct TaskExport {
  private let adapter: SavedAdapter
  /// nil: tasks share the adapter and differ in their heads alone.
  private let method: (any TaskRoutedMethod)?

  /// - Throws: ``SavedAdapterError`` when the adapter's method is routed by token, or nothing tells its tasks apart.
  public init(_ adapter: SavedAdapter) throws {
    self.adapter = adapter
    let type = adapter.configuration.peftType
    guard type.routing != .token else { throw SavedAdapterError.routedByToken(type: type.rawValue) }
    method = try adapter.method() as? any TaskRoutedMethod
    guard method != nil || !adapter.heads.isEmpty else {
      throw SavedAdapterError.notRoutedByTask(type: type.rawValue)
    }
  }

  /// What the tasks answer to: their names, or their numbers where the adapter carries none.
  public var tasks: [String] { adapter.configuration.lineTasks }

  /// A task's name; nil: the adapter carries none.
  public func name(of task: Int) -> String? {
    method == nil || !adapter.configuration.taskNames.isEmpty ? tasks[task] : nil
  }

  /// What a task's adapter_config.json will say.
  public func configuration(of task: Int) -> AdapterConfiguration {
    let source = adapter.configuration
    var result = source
    if let (rank, alpha) = method?.taskLoRA {
      result = AdapterConfiguration(peftType: .lora)
      (result.adapterRank, result.loraAlpha) = (rank, alpha)
      (result.targetModules, result.modulesToSave) = (source.targetModules, source.modulesToSave)
      (result.baseModel, result.taskType) = (source.baseModel, source.taskType)
    }
    result.taskHeads = []
    if head(of: task) != nil, !result.modulesToSave.contains(TaskHead.ownPath) {
      result.modulesToSave.append(TaskHead.ownPath)
    }
    return result
  }

  /// The name of a task's folder among others: `task-<number>-<name>`, with `_` in place of all but ASCII's letters and
  /// digits, `_` and `-`.
  ///
  /// PEFT writes an adapter's name into the paths of its parameters. This one is never a part of a path that is there
  /// already: modules and parameters are Python's attributes, whose names hold no hyphen.
  public func folderName(of task: Int) -> String {
    "task-\(task)" + (name(of: task).map { "-" + $0.replacing(/[^A-Za-z0-9_-]/, with: "_") } ?? "")
  }

  /// Writes a task's adapter_config.json and adapter_model.safetensors into an existing folder.
  ///
  /// - Throws: As ``adapter(of:)``, or an error of a file.
  public func write(_ task: Int, into folder: URL) throws { try adapter(of: task).write(into: folder) }

  /// A task as an adapter of its own.
  ///
  /// - Throws: ``SavedAdapterError/taskOutOfRange(_:taskCount:)``, or what ``TaskRoutedMethod/factors(of:at:)`` throws.
  public func adapter(of task: Int) throws -> SavedAdapter {
    guard tasks.indices.contains(task) else {
      throw SavedAdapterError.taskOutOfRange(task, taskCount: tasks.count)
    }
    return try SavedAdapter(
      configuration(of: task), storesInputsFirst: adapter.storesInputsFirst,
      tensors: adapterTensors(of: task) + wholeTensors(of: task), file: adapter.file)
  }

  private func head(of task: Int) -> SavedHead? { adapter.heads.first { $0.head.task == tasks[task] } }

  private func adapterTensors(of task: Int) throws -> [SavedTensor] {
    guard let method else { return adapter.sites.flatMap { $0.tensors.values } }
    let rank = method.taskLoRA.adapterRank
    return try adapter.sites.flatMap { site in
      let factors = try method.factors(of: task, at: site)
      return [
        SavedTensor(
          name: AdapterPlan.name(site.path, "lora_A.weight"), shape: [rank, factors.inputs], values: factors.a),
        SavedTensor(
          name: AdapterPlan.name(site.path, "lora_B.weight"), shape: [factors.outputs, rank], values: factors.b),
      ]
    }
  }

  /// Modules that are trained whole; with the task's own head under the name of the model's, and no other.
  private func wholeTensors(of task: Int) -> [SavedTensor] {
    guard let head = head(of: task) else { return adapter.wholeTensors }
    return adapter.wholeTensors.filter { !$0.name.hasPrefix(AdapterPlan.name(TaskHead.ownPath, "")) }
      + head.tensors.map {
        SavedTensor(name: AdapterPlan.name(TaskHead.ownPath, $0), shape: $1.shape, values: $1.values)
      }
  }
}
