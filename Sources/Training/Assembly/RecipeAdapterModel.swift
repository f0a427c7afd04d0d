import Adapters
import Backbones
import Foundation
import Tasks

extension Recipe {
  /// The recipe's adapter set into a backbone: fresh, or from `init_from`.
  ///
  /// - Parameter checkpoint: The configuration of a checkpoint whose values will be read later. It then stands for that
  ///   of `init_from`, whose folder may be gone.
  func makeAdapterModel(_ backbone: any Backbone, resuming checkpoint: AdapterConfiguration?) throws -> AdapterModel {
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
  /// - Parameter checkpoint: The configuration of the run's own checkpoint, which stands for that of `init_from`.
  /// - Throws: ``RecipeError`` when a stated key is otherwise there, `AdapterError`, or an error of the file.
  public func adapterConfiguration(resuming checkpoint: AdapterConfiguration? = nil) throws -> AdapterConfiguration {
    let heads = tasks.compactMap { task in
      task.numLabels.map { TaskHead(task: task.name, labelCount: $0, labels: task.prompt.labels) }
    }
    guard let folder = adapter.initFrom else { return try adapter.configuration.adding(heads: heads) }
    let saved = try checkpoint ?? AdapterFolder.configuration(URL(filePath: folder))
    // A checkpoint knows the new tasks already.
    let before = checkpoint == nil ? saved : saved.removing(newTasks: adapter.newTasks)
    var start = try adapter.reconciled(with: before).configuration
    if start.routing == .task, start.taskNames.isEmpty, start.taskCount == tasks.count, adapter.newTasks.isEmpty {
      start.taskNames = tasks.map(\.name)
    }
    let takesAny = tasks.contains { $0.prompt.format == .pretokenized }
    for name in adapter.newTasks where !takesAny && !tasks.contains(where: { $0.name == name }) {
      throw AdapterTaskError.newTaskIsIdle(name)
    }
    return try start.adding(newTasks: adapter.newTasks).adding(heads: heads)
  }
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
