/// What can be wrong with the use of an adapter's folder without its model.
public enum SavedAdapterError: Error, CustomStringConvertible, Equatable {
  /// One axis of `expected` may be of any length: nil.
  case wrongShape(name: String, found: [Int], expected: [Int?], file: String)
  case routedByToken(type: String)
  case notFoldable(type: String)
  case notRoutedByTask(type: String)
  case taskOutOfRange(Int, taskCount: Int)
  case countDiffers(path: String, formula: String, expected: Int, found: Int, file: String)

  public var description: String {
    switch self {
    case .wrongShape(let name, let found, let expected, let file):
      "\(file): tensor \(name) has shape \(found), adapter_config.json asks for "
        + "[\(expected.map { $0.map(String.init) ?? "any" }.joined(separator: ", "))]"
    case .routedByToken(let type):
      "a token-routed adapter (\(type)) cannot be exported or merged: its experts' weights depend on each token, so "
        + "that no single matrix equals it"
    case .notFoldable(let type):
      "an adapter of peft_type \(type) is a different update for each task, so that no single matrix equals it: fold "
        + "one task"
    case .notRoutedByTask(let type):
      "an adapter of peft_type \(type) is the same for all tasks, so that there is no task of it to export: use its "
        + "folder as it is"
    case .taskOutOfRange(let task, let taskCount):
      "the adapter has no task \(task): its tasks are numbered from 0 to \(taskCount - 1)"
    case .countDiffers(let path, let formula, let expected, let found, let file):
      "\(file): at \(path) the file holds \(found) numbers, but adapter_config.json asks for \(formula) = \(expected)"
    }
  }
}
