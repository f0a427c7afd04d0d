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
