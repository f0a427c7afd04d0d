import Tensors

extension AdapterConfiguration {
  /// What the tasks of a task-routed adapter answer to: their names, or their numbers where the adapter carries none.
  /// Empty for other methods, which treat all tasks alike.
  public var knownTasks: [String] {
    guard routing == .task else { return [] }
    return taskNames.isEmpty ? (0..<taskCount).map(String.init) : taskNames
  }

  /// The configuration with more tasks behind its own.
  ///
  /// - Throws: ``AdapterError`` when the method is not routed by task, or the adapter knows a task already.
  public func adding(newTasks: [String]) throws -> AdapterConfiguration {
    guard !newTasks.isEmpty else { return self }
    guard routing == .task else { throw AdapterTaskError.noTasks(key: "new_tasks", type: peftType.rawValue) }
    guard exclusiveSkills || !peftType.reads(.exclusiveSkills) else { throw AdapterTaskError.sharedSkills }
    guard !taskNames.isEmpty else { throw AdapterTaskError.tasksHaveNoNames(count: taskCount) }
    for (place, name) in newTasks.enumerated() {
      guard !knownTasks.contains(name), !newTasks[..<place].contains(name) else {
        throw AdapterTaskError.taskIsKnown(name)
      }
    }
    var result = self
    result.taskNames = taskNames + newTasks
    result.taskCount += newTasks.count
    return result
  }

  /// The configuration before ``adding(newTasks:)``; itself if these are not its last tasks.
  public func removing(newTasks: [String]) -> AdapterConfiguration {
    guard !newTasks.isEmpty, taskNames.suffix(newTasks.count) == newTasks[...] else { return self }
    var result = self
    result.taskNames.removeLast(newTasks.count)
    result.taskCount -= newTasks.count
    return result
  }
}

extension AdapterModel {
  /// Leaves all but `part` as it is from now on. At most once, before an optimizer is made.
  ///
  /// - Parameters:
  ///   - newTasks: The numbers of the tasks that the adapter has just got.
  ///   - heads: Tasks whose own heads train in any case.
  /// - Throws: ``AdapterError`` when the adapter has no such part.
  public func restrictTraining(to part: TrainedPart, newTasks: Range<Int>, heads: [String] = []) throws {
    let type = configuration?.peftType.rawValue ?? ""
    guard part != .all else { return }
    guard part != .task || configuration?.routing == .task else { throw AdapterTaskError.noOwnParts(type: type) }
    guard part != .task || !newTasks.isEmpty else { throw AdapterTaskError.noNewTasks }
    let ranges = parameters.entries.compactMap { entry -> Range<Int>? in
      guard part == .task || entry.role == .router else { return nil }
      guard let rows = entry.taskRows, !newTasks.isEmpty else { return part == .router ? entry.range : nil }
      return entry.elements(ofTasks: newTasks, rows)
    }
    guard !ranges.isEmpty else { throw AdapterTaskError.noSuchPart(part.rawValue, type: type) }
    let headNames = headNames(of: heads)
    let headRanges = parameters.entries.filter { headNames.contains($0.name) }.map(\.range)
    parameters.restrictTraining(to: ranges + headRanges)
  }
}

extension TrainableParameters.Entry {
  /// Where the numbers of neighbouring tasks lie in the flat arrays.
  fileprivate func elements(ofTasks tasks: Range<Int>, _ rows: TrainableParameters.TaskRows) -> Range<Int> {
    let rowCount = range.count / max(shape[0], 1)
    let first = rows.first + tasks.lowerBound * rows.perTask, end = rows.first + tasks.upperBound * rows.perTask
    return range.lowerBound + first * rowCount..<range.lowerBound + end * rowCount
  }
}
