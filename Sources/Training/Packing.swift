import Backbones
import Tasks

extension ExampleReference {
  /// The task whose rows of the adapter an example uses: the one its line names, or else the one it was read for.
  func routedTask(_ example: TokenizedExample) -> Int { example.task ?? task }
}

extension StepPlan {
  /// The tasks whose rows of the adapter a step uses, each once, ascending: what every rank knows without asking.
  func routedTasks(of training: [TokenizedTask]) -> [Int] {
    Set(parts.joined().map { $0.routedTask(training[$0.task][$0.index]) }).sorted()
  }
}

extension PackedBatch {
  /// Puts the examples of one part of a step into the batch, in place of what it held.
  public mutating func pack(_ references: [ExampleReference], from training: [TokenizedTask]) {
    removeAll()
    for reference in references {
      let example = training[reference.task][reference.index]
      appendCausal(
        tokens: example.inputIds, labels: example.labels, task: reference.routedTask(example),
        ordinal: UInt64(reference.ordinal))
    }
  }
}
