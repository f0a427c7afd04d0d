import Backbones
import Tensors

/// A classification head that an adapter brings for one task.
public struct TaskHead: Sendable, Equatable {
  /// The task's name.
  public let task: String
  /// Its classes; 1: it gives a number.
  public let labelCount: Int
  /// The classes' names, in their order; empty if unknown.
  public let labels: [String]

  public init(task: String, labelCount: Int, labels: [String] = []) {
    (self.task, self.labelCount, self.labels) = (task, labelCount, labels)
  }

  /// Throws if both sides name the classes, and not alike.
  public func requireSame(labels other: [String]) throws {
    guard labels.isEmpty || other.isEmpty || labels == other else {
      throw TaskHeadError.headLabelsDiffer(task: task, stated: other, found: labels)
    }
  }

  /// The path of a model's own head.
  static let ownPath = "classifier"

  /// The head's path, that of the model's own head and the task's name.
  var path: String { Self.ownPath + "." + task }

  /// What the arrays of a head may be called behind its path: RoBERTa's, BERT's.
  static let suffixes = [["dense.weight", "dense.bias", "out_proj.weight", "out_proj.bias"], ["weight", "bias"]]
}

extension AdapterConfiguration {
  /// PEFT's names of the modules that classify.
  static let classifierNames = ["classifier", "score"]

  /// The place of a task's own head; nil: it has none.
  public func head(of task: String) -> Int? { taskHeads.firstIndex { $0.task == task } }

  /// Which head answers for a task.
  public func headChoice(of task: String) -> HeadChoice {
    head(of: task).map(HeadChoice.taskClassifier) ?? .classifier
  }

  /// The configuration with heads for tasks that have none yet.
  ///
  /// - Throws: ``TaskHeadError`` for a task whose head has another number of labels, other names or another order.
  public func adding(heads: [TaskHead]) throws -> AdapterConfiguration {
    var result = self
    for head in heads {
      guard let place = self.head(of: head.task) else {
        result.taskHeads.append(head)
        continue
      }
      let saved = taskHeads[place]
      guard saved.labelCount == head.labelCount else {
        throw TaskHeadError.headDiffers(task: head.task, stated: head.labelCount, found: saved.labelCount)
      }
      try saved.requireSame(labels: head.labels)
      if saved.labels.isEmpty { result.taskHeads[place] = head }
    }
    return result
  }

  /// What a line of data may name as its task: the tasks that a task-routed adapter tells apart, else those with heads.
  public var lineTasks: [String] { routing == .task ? knownTasks : taskHeads.map(\.task) }
}

extension AdapterModel {
  /// The names of the parameters of tasks' own heads.
  func headNames(of tasks: [String]) -> Set<String> {
    let suffixes = (backbone as? any ClassifyingBackbone)?.classifierShapes(outputCount: 1).map(\.suffix) ?? []
    return Set(
      tasks.flatMap { task in suffixes.map { AdapterPlan.name(TaskHead(task: task, labelCount: 1).path, $0) } })
  }

  /// Which head answers for a task; for nil the model's own or, where it has none, the only one of a task.
  public func headChoice(of task: String?) -> HeadChoice {
    if let task { return configuration?.headChoice(of: task) ?? .classifier }
    return head(.classifier) == nil && taskHeads.count == 1 ? .taskClassifier(0) : .classifier
  }

  /// The names of a head's classes; none if unknown.
  public func labels(of choice: HeadChoice?) -> [String] {
    if case .taskClassifier(let place) = choice { return configuration?.taskHeads[place].labels ?? [] }
    return []
  }

  /// The head that a choice means; nil: the model has none such.
  public func head(_ choice: HeadChoice) -> (any OutputHead)? {
    switch choice {
    case .tokens: backbone.head
    case .classifier: ownHead ?? (backbone as? any ClassifyingBackbone)?.classifier
    case .taskClassifier(let place): taskHeads[place]
    }
  }
}
