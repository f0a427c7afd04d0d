import Adapters
import Backbones
import Tasks

extension TaskAssembly {
  /// Throws unless every task that is classified has a head, with as many outputs as the task has labels, and every
  /// label is one of its classes.
  ///
  /// - Throws: `AdapterTaskError` or `TaskError`, which name the task.
  public func requireHeads(of model: AdapterModel) throws {
    guard model.backbone.architecture == .encoderOnly else { return }
    for (task, set) in testing where (0..<set.count).contains(where: { !set[$0].labels.isEmpty }) {
      throw AdapterTaskError.tokensAreNotAnswered(task: specifications[task].name)
    }
    let sets = training.enumerated().map { ($0, $1) } + testing.map { ($0.task, $0.examples) }
    for (task, set) in sets {
      let labels = specifications[task].labels
      for index in 0..<set.count {
        let example = set[index]
        try model.requireHead(
          for: example, routes.head(of: example, task: task), task: set.name, labelCount: labels.count)
      }
    }
  }
}

extension AdapterModel {
  /// Throws unless the model can judge every example of a file.
  public func requireHeads(for inputs: Scorer.Inputs, file: String) throws {
    guard backbone.architecture == .encoderOnly else { return }
    for (example, head) in zip(inputs.examples, inputs.heads) {
      guard !example.labels.isEmpty || self.head(head) != nil else {
        throw AdapterTaskError.noHeadForFile(
          file, family: backbone.family, known: configuration?.taskHeads.map(\.task) ?? [])
      }
      try requireHead(for: example, head, task: file, labelCount: 0)
    }
  }

  /// Throws unless the model can judge an example.
  ///
  /// - Parameters:
  ///   - choice: What classifies it.
  ///   - task: The task's name or the file, for the error's text.
  ///   - labelCount: The task's labels; 0 if it lists none.
  func requireHead(for example: TokenizedExample, _ choice: HeadChoice, task: String, labelCount: Int) throws {
    guard example.labels.isEmpty else {
      guard backbone.head != nil else { throw AdapterTaskError.noTokenHead(task: task, family: backbone.family) }
      return
    }
    guard let head = head(choice) else {
      throw AdapterTaskError.noHead(task: task, family: backbone.family, labelCount: labelCount)
    }
    guard labelCount == 0 || head.outputCount == labelCount else {
      throw AdapterTaskError.labelCountDiffers(task: task, labels: labelCount, outputs: head.outputCount)
    }
    guard let label = example.label, head.outputCount > 1 else { return }
    guard let place = Int(exactly: label), (0..<head.outputCount).contains(place) else {
      throw TaskError.labelBeyondHead(task: task, example: example.id, label: label, classCount: head.outputCount)
    }
  }
}
