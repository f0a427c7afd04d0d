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
  /// - Throws: ``AdapterTaskError/headDiffers(task:stated:found:)`` for a task whose head has another number of labels.
  public func adding(heads: [TaskHead]) throws -> AdapterConfiguration {
    var result = self
    for head in heads {
      guard let place = self.head(of: head.task) else {
        result.taskHeads.append(head)
        continue
      }
      let found = taskHeads[place].labelCount
      guard found == head.labelCount else {
        throw AdapterTaskError.headDiffers(task: head.task, stated: head.labelCount, found: found)
      }
    }
    return result
  }
}

extension AdapterConfiguration {
  /// What a line of data may name as its task: the tasks that a task-routed adapter tells apart, else those with heads.
  public var lineTasks: [String] { routing == .task ? knownTasks : taskHeads.map(\.task) }

  /// Which head answers for a line that names no task: the one there is, or the model's own.
  public var soleHead: HeadChoice { taskHeads.count == 1 ? .taskClassifier(0) : .classifier }

  /// The names of a task's classes; none if unknown.
  public func labels(of task: String) -> [String] { head(of: task).map { taskHeads[$0].labels } ?? [] }
}

extension AdapterModel {
  /// The names of the parameters of tasks' own heads.
  func headNames(of tasks: [String]) -> Set<String> {
    let suffixes = (backbone as? any ClassifyingBackbone)?.classifierShapes(outputCount: 1).map(\.suffix) ?? []
    return Set(
      tasks.flatMap { task in suffixes.map { AdapterPlan.name(TaskHead(task: task, labelCount: 1).path, $0) } })
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
