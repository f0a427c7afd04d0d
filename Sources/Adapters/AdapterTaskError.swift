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
  case noHead(task: String, family: String, labelCount: Int)
  case headDiffers(task: String, stated: Int, found: Int)
  case labelCountDiffers(task: String, labels: Int, outputs: Int)
  case noClassification(task: String, family: String)
  case noPooler(task: String)
  case headIsMissing(task: String, file: String)
  case noTokenHead(task: String, family: String)
  case headsOfWholeModel(task: String)
  case headIsIdle(task: String, part: String)
  case tokensAreNotAnswered(task: String)
  case noHeadForFile(String, family: String, known: [String])

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
    case .noHead(let task, let family, let labelCount):
      let example = labelCount > 0 ? "its \(labelCount) labels make num_labels: \(labelCount)" : "such as num_labels: 2"
      return "task \(task): the \(family) model has no classification head of its own and the task brings none; give "
        + "the task num_labels, \(example)"
    case .headDiffers(let task, let stated, let found):
      return "task \(task): num_labels is \(stated), but the adapter's head for it has \(found) label(s)"
    case .labelCountDiffers(let task, let labels, let outputs):
      return "task \(task): it has \(labels) labels, but the head it is classified by has \(outputs) output(s); give "
        + "the task num_labels: \(labels) for a head of its own"
    case .noClassification(let task, let family):
      return "task \(task): num_labels asks for a classification head, which \(family) models do not get here; remove "
        + "it, and the labels are generated or ranked as text"
    case .noPooler(let task):
      return "task \(task): the model's folder has no pooler.dense, which a BERT classification head reads; use a "
        + "folder saved with its pooler"
    case .headIsMissing(let task, let file):
      return "\(file): the classification head of task \(task), which adapter_config.json names, is missing; copy the "
        + "whole adapter folder again"
    case .noTokenHead(let task, let family):
      return "task \(task): its lines have labels at single tokens, but the \(family) model's folder has no head for "
        + "masked tokens; give label for a class, or use a folder saved as a masked language model"
    case .headsOfWholeModel(let task):
      return "task \(task): peft_type FULL writes a Hugging Face model, which has one classification head; remove "
        + "num_labels, or use an adapter"
    case .headIsIdle(let task, let part):
      return "task \(task): num_labels asks for a new classification head, which train: \(part) would leave as it "
        + "starts; use train: all"
    case .tokensAreNotAnswered(let task):
      return "task \(task): its test lines have labels at single tokens, which are no answers that metrics compare; "
        + "remove test, and get their losses from polyad score"
    case .noHeadForFile(let file, let family, let known):
      let remedy =
        known.isEmpty
        ? "pass --adapter with an adapter that has one"
        : "the adapter has heads for \(known.joined(separator: ", ")): choose one with --task, or as each line's task"
      return "\(file): the \(family) model has no classification head of its own; \(remedy)"
    }
  }
}
