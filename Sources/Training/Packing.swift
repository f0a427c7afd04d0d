import Backbones
import Tasks

extension PackedBatch {
  /// Puts the examples of one part of a step into the batch, in place of what it held.
  public mutating func pack(_ references: [ExampleReference], from training: [TokenizedTask]) {
    removeAll()
    for reference in references {
      let example = training[reference.task][reference.index]
      appendCausal(
        tokens: example.inputIds, labels: example.labels, task: example.task ?? reference.task,
        ordinal: UInt64(reference.ordinal))
    }
  }
}
