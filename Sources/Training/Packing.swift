import Backbones
import Tasks

extension StepPlan {
  /// The tasks whose rows of the adapter a step uses, each once, ascending: what every rank knows without asking.
  func routedTasks(of training: [TokenizedTask], _ routes: TaskRoutes) -> [Int] {
    Set(parts.joined().map { routes.route(of: training[$0.task][$0.index], task: $0.task) }).sorted()
  }
}

extension PackedBatch {
  /// Puts the examples of one part of a step into the batch, in place of what it held.
  public mutating func pack(
    _ references: [ExampleReference], from training: [TokenizedTask], routes: TaskRoutes
  ) {
    removeAll()
    for reference in references {
      let example = training[reference.task][reference.index]
      appendCausal(
        tokens: example.inputIds, labels: example.labels, task: routes.route(of: example, task: reference.task),
        ordinal: UInt64(reference.ordinal))
    }
  }
}
