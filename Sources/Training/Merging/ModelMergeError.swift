/// Why an adapter cannot be folded into its model.
public enum ModelMergeError: Error, CustomStringConvertible, Equatable {
  case noTask(tasks: [String])
  case sameForAllTasks(type: String)
  case changesNothing(adapter: String, dataTypes: [String])
  case overflows(tensor: String, dataType: String)
  case differs(difference: Double, largest: Double)

  /// Whether the command was called wrongly, and no file is at fault.
  public var isUsage: Bool {
    switch self {
    case .noTask, .sameForAllTasks: true
    case .changesNothing, .overflows, .differs: false
    }
  }

  public var description: String {
    switch self {
    case .noTask(let tasks):
      "the adapter tells tasks apart, and a merged model does one: choose it with --task: "
        + tasks.prefix(8).joined(separator: ", ") + (tasks.count > 8 ? ", …" : "")
    case .sameForAllTasks(let type):
      "an adapter of peft_type \(type) without heads of tasks is the same for all tasks: leave --task out"
    case .changesNothing(let adapter, let dataTypes):
      "\(adapter) would leave every weight as it is: is it trained? Nothing is written"
        + (dataTypes == ["F32"]
          ? "" : " (\(dataTypes.joined(separator: ", ")) may round its changes away: --dtype F32 keeps smaller ones)")
    case .overflows(let tensor, let dataType):
      "\(tensor): the merged numbers are too large for \(dataType): choose --dtype F32 or BF16"
    case .differs(let difference, let largest):
      "the merged model's logits differ from the adapted one's by \(Formatting.number(difference)), with logits up to "
        + "\(Formatting.number(largest)): the merge is not sound, and nothing is written"
    }
  }
}
