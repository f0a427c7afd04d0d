/// What can be wrong with the classification heads that tasks ask for.
public enum TaskHeadError: Error, CustomStringConvertible, Equatable {
  /// Whether a head can be had otherwise.
  public enum Remedy: Sendable, Equatable {
    /// The task may state num_labels, as many as its labels if it has any.
    case stateLabels(count: Int)
    /// The task states num_labels, but the adapter at hand has no head for it.
    case train
    /// FULL trains the head of the model's own folder.
    case classifierFolder
  }

  case noHead(task: String, family: String, Remedy)
  case noHeadForFile(String, family: String, known: [String])
  case headDiffers(task: String, stated: Int, found: Int)
  case headLabelsDiffer(task: String, stated: [String], found: [String])
  case labelCountDiffers(task: String, labels: Int, outputs: Int)
  case headIsMissing(task: String, file: String)
  case headIsIdle(task: String, part: String)
  case headsOfWholeModel(task: String)
  case noClassification(task: String, family: String)
  case noPooler(task: String)
  case noTokenHead(task: String, family: String)
  case tokensAreNotAnswered(task: String)

  /// Whether the recipe asks for what cannot be, rather than a folder lacking what it should hold.
  public var isOfRecipe: Bool {
    switch self {
    case .noHead, .headDiffers, .headLabelsDiffer, .labelCountDiffers, .headIsIdle, .headsOfWholeModel,
      .noClassification, .tokensAreNotAnswered:
      true
    case .noHeadForFile, .headIsMissing, .noPooler, .noTokenHead: false
    }
  }

  public var description: String {
    switch self {
    case .noHead(let task, let family, let remedy):
      let lack = "task \(task): the \(family) model has no classification head of its own"
      switch remedy {
      case .stateLabels(let count):
        let example = count > 0 ? "its \(count) labels make num_labels: \(count)" : "such as num_labels: 2"
        return "\(lack) and the task brings none; give the task num_labels, \(example)"
      case .train: return "\(lack) and the adapter has none for this task; train it, or pass an adapter that has one"
      case .classifierFolder:
        return "\(lack), and peft_type FULL brings none; use a folder saved for sequence classification, or an adapter"
      }
    case .headLabelsDiffer(let task, let stated, let found):
      return "task \(task): its labels are \(stated.joined(separator: ", ")), but the adapter's head was trained on "
        + "\(found.joined(separator: ", ")); give them in that order"
    case .noHeadForFile(let file, let family, let known):
      let remedy =
        known.isEmpty
        ? "pass --adapter with an adapter that has one"
        : "the adapter has heads for \(known.joined(separator: ", ")): choose one with --task, or as each line's task"
      return "\(file): the \(family) model has no classification head of its own; \(remedy)"
    case .headDiffers(let task, let stated, let found):
      return "task \(task): num_labels is \(stated), but the head for it has \(found) output(s); correct num_labels, "
        + "or take an adapter that was trained with it"
    case .labelCountDiffers(let task, let labels, let outputs):
      return "task \(task): it has \(labels) labels, but the head it is classified by has \(outputs) output(s); give "
        + "the task num_labels: \(labels) for a head of its own"
    case .headIsMissing(let task, let file):
      return "\(file): the classification head of task \(task), which adapter_config.json names, is missing; copy the "
        + "whole adapter folder again"
    case .headIsIdle(let task, let part):
      return "task \(task): num_labels asks for a new classification head, which train: \(part) would leave as it "
        + "starts; use train: all"
    case .headsOfWholeModel(let task):
      return "task \(task): peft_type FULL writes a Hugging Face model, which has one classification head; remove "
        + "num_labels, or use an adapter"
    case .noClassification(let task, let family):
      return "task \(task): num_labels asks for a classification head, which \(family) models do not get here; remove "
        + "it, and the labels are generated or ranked as text"
    case .noPooler(let task):
      return "task \(task): the model's folder has no pooler.dense, which a BERT classification head reads; use a "
        + "folder saved with its pooler"
    case .noTokenHead(let task, let family):
      return "task \(task): its lines have labels at single tokens, but the \(family) model's folder has no head for "
        + "masked tokens; give label for a class, or use a folder saved as a masked language model"
    case .tokensAreNotAnswered(let task):
      return "task \(task): its test lines have labels at single tokens, which are no answers that metrics compare; "
        + "remove test, and get their losses from polyad score"
    }
  }
}
