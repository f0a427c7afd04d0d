/// What can stop a run beside faults of its recipe, data or model.
public enum RunError: Error, CustomStringConvertible, Equatable {
  case tooManyRanks(ranks: Int, microBatches: Int)
  case holdsRun(folder: String)
  case locked(folder: String, holder: String, since: String?)
  case lockLost(folder: String, holder: String?)
  case unwritable(folder: String, reason: String)
  case resumeDiffers(folder: String, differences: [String])
  case dataChanged(folder: String, tasks: [String])
  case holdsInput(folder: String, key: String)
  case notFinite(step: Int, count: Int, checkpoint: String?)
  /// - Parameters:
  ///   - parameter: The first one that differs.
  ///   - places: Who has it otherwise.
  ///   - isMajority: Otherwise than most ranks; else, than rank 0.
  case ranksDiffer(step: Int, parameter: String, places: String, isMajority: Bool, checkpoint: String?)
  case parametersNotFinite(step: Int, checkpoint: String?)
  case saveFailed(path: String, reason: String, checkpoint: String?)
  case badState(file: String, reason: String)
  case noTokenizer(folder: String)
  case sequenceTooLong(key: String, value: Int, maximum: Int)
  case tooFewExamples(found: Int, needed: Int)
  case noParameters(key: String, kind: String, peftType: String)
  case nothingToRank(task: String)

  public var description: String {
    switch self {
    case .tooManyRanks(let ranks, let microBatches):
      return "\(ranks) ranks cannot share \(microBatches) micro-batches: set micro_batches to \(ranks) or more "
        + "(this changes the result's last bits), or start at most \(microBatches) ranks"
    case .holdsRun(let folder):
      return "output_dir \(folder) already holds a run: continue it with --resume, replace it with --overwrite, or "
        + "choose another output_dir"
    case .locked(let folder, let holder, let since):
      return "output_dir \(folder) is in use by \(holder)" + (since.map { ", which started \($0)" } ?? "")
        + ": wait for it to end, stop it, or choose another output_dir"
    case .lockLost(let folder, let holder):
      return "output_dir \(folder) "
        + (holder.map { "was taken over by \($0)" } ?? "is not this job's any more, its lock is gone")
        + " while this job stood still: it ends and writes nothing more there"
    case .unwritable(let folder, let reason):
      return "output_dir \(folder) cannot be written: \(reason)"
    case .resumeDiffers(let folder, let differences):
      return "cannot resume \(folder), whose recipe differs: \(differences.joined(separator: "; ")). "
        + "Use the old recipe (recipe.yaml there), or another output_dir"
    case .dataChanged(let folder, let tasks):
      return "cannot resume \(folder): the training data of \(tasks.joined(separator: ", ")) is not what it was. "
        + "Put the old data back, or choose another output_dir"
    case .holdsInput(let folder, let key):
      return "output_dir \(folder) holds what \(key) names, which the run would overwrite: choose another output_dir"
    case .notFinite(let step, let count, let checkpoint):
      return "stopped at step \(step): \(count) steps in a row had a loss or gradient that is NaN or infinite; "
        + "lower learning_rate or look at the data. "
        + Self.lastCheckpoint(checkpoint)
    case .parametersNotFinite(let step, let checkpoint):
      return "stopped at step \(step): trained numbers have become NaN or infinite and are not saved; "
        + "lower learning_rate. " + Self.lastCheckpoint(checkpoint)
    case .ranksDiffer(let step, let parameter, let places, let isMajority, let checkpoint):
      let verdict =
        isMajority
        ? "than most ranks; look at the memory and the processor there, or leave the host out. "
        : "than rank 0, and nothing tells which is right; look at the memory and the processors of these hosts. "
      return "the ranks hold different numbers after step \(step): the first parameter that differs is \(parameter), "
        + "and \(places) has it otherwise \(verdict)" + Self.lastCheckpoint(checkpoint)
    case .saveFailed(let path, let reason, let checkpoint):
      return "saving \(path) failed: \(reason) " + Self.lastCheckpoint(checkpoint)
    case .badState(let file, let reason): return "\(file): \(reason)"
    case .noTokenizer(let folder):
      return "\(folder) has no tokenizer; set tokenizer_name_or_path to a folder that has one"
    case .sequenceTooLong(let key, let value, let maximum):
      return "\(key) is \(value), but the model has \(maximum) positions: lower it to \(maximum) or less"
    case .tooFewExamples(let found, let needed):
      return "the data holds \(found) examples, but one batch of all ranks needs \(needed): lower --batch, start fewer "
        + "ranks or give more data"
    case .noParameters(let key, let kind, let peftType):
      return "\(key) is set, but a model with peft_type \(peftType) has no \(kind): remove the key"
    case .nothingToRank(let task):
      return "task \(task) has prediction rank_classification, which scores labels as written answers, but the model "
        + "writes none: remove the key"
    }
  }

  /// What is left of a run that ends early.
  static func lastCheckpoint(_ checkpoint: String?) -> String {
    checkpoint.map { "The last good checkpoint is \($0); continue from it with --resume" }
      ?? "No checkpoint was saved before"
  }
}
