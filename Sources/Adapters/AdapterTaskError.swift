/// What can be wrong between the tasks of an adapter and those it is asked for.
public enum AdapterTaskError: Error, CustomStringConvertible, Equatable {
  case unknownTask(String, known: [String])
  case taskCountDiffers(adapter: Int, recipe: Int)
  case noTasks(key: String, type: String)
  case tasksHaveNoNames(count: Int)
  case sharedSkills
  case taskIsKnown(String)
  case newTaskIsIdle(String)
  case noNewTasks
  case noOwnParts(type: String)
  case noSuchPart(String, type: String)

  /// Known tasks shown at most.
  private static let shownTasks = 30

  public var description: String {
    switch self {
    case .unknownTask(let name, let known):
      let rest = known.count > Self.shownTasks ? ", … (\(known.count) in all; `polyad inspect` shows them)" : ""
      return "the adapter knows no task \"\(name)\"; it knows: "
        + known.prefix(Self.shownTasks).joined(separator: ", ") + rest
    case .taskCountDiffers(let adapter, let recipe):
      return "the adapter has n_tasks \(adapter) and no names for them, but the recipe has \(recipe) task(s): "
        + "list \(adapter) tasks in the adapter's order"
    case .noTasks(let key, let type):
      return "\(key): an adapter of peft_type \(type) is not routed by task and takes any; remove the key"
    case .tasksHaveNoNames(let count):
      return "new_tasks: the adapter has no names for its \(count) tasks; list them as task_names in its "
        + "adapter_config.json first"
    case .sharedSkills:
      return "new_tasks: with exclusive: false every task has weights on every other's skills, so the adapter cannot "
        + "grow"
    case .taskIsKnown(let name):
      return "new_tasks: the adapter knows \"\(name)\" already, or it is listed twice; remove it"
    case .newTaskIsIdle(let name):
      return "new_tasks: \"\(name)\" is no task of the recipe, so nothing would train it; add it to tasks"
    case .noNewTasks: return "train: task trains what new tasks alone own, but new_tasks names none; add them"
    case .noOwnParts(let type):
      return "train: task: an adapter of peft_type \(type) is not routed by task, so no part belongs to one; use "
        + "train: router or all"
    case .noSuchPart(let part, let type):
      return "train: \(part): an adapter of peft_type \(type) has no such part; use train: all"
    }
  }
}
