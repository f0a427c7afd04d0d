import Adapters
import Backbones
import Tasks

extension TaskAssembly {
  /// Throws unless every task that is classified has a head, with as many outputs as the task has labels, and every
  /// label is one of its classes.
  ///
  /// - Throws: `TaskHeadError` or `TaskError`, which name the task.
  public func requireHeads(of model: AdapterModel) throws {
    guard model.backbone.architecture == .encoderOnly else { return }
    for (task, set) in testing where (0..<set.count).contains(where: { !set[$0].labels.isEmpty }) {
      throw TaskHeadError.tokensAreNotAnswered(task: specifications[task].name)
    }
    let sets = training.enumerated().map { ($0, $1) } + testing.map { ($0.task, $0.examples) }
    for (task, set) in sets {
      for index in 0..<set.count {
        let example = set[index]
        try model.requireHead(for: example, routes.head(of: example, task: task), of: specifications[task])
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
        throw TaskHeadError.noHeadForFile(
          file, family: backbone.family, known: configuration?.taskHeads.map(\.task) ?? [])
      }
      try requireClass(example, of: self.head(head), task: file)
    }
  }

  /// Throws unless the model can judge an example of a recipe's task.
  ///
  /// - Parameter choice: What classifies it.
  func requireHead(for example: TokenizedExample, _ choice: HeadChoice, of task: TaskSpecification) throws {
    if example.labels.isEmpty {
      guard let head = head(choice) else {
        throw TaskHeadError.noHead(task: task.name, family: backbone.family, remedy(task))
      }
      if let stated = task.numLabels, stated != head.outputCount {
        throw TaskHeadError.headDiffers(task: task.name, stated: stated, found: head.outputCount)
      }
      let labels = task.prompt.labels
      guard labels.isEmpty || head.outputCount == labels.count else {
        throw TaskHeadError.labelCountDiffers(task: task.name, labels: labels.count, outputs: head.outputCount)
      }
      if case .taskClassifier(let place) = choice {
        try configuration?.taskHeads[place].requireSame(labels: labels)
      }
    }
    try requireClass(example, of: head(choice), task: task.name)
  }

  private func remedy(_ task: TaskSpecification) -> TaskHeadError.Remedy {
    if configuration?.peftType == .full { return .classifierFolder }
    return task.numLabels == nil ? .stateLabels(count: task.prompt.labels.count) : .train
  }

  /// Throws unless there is a head for masked tokens or, where an example is classified, its label is one of the
  /// classes.
  private func requireClass(_ example: TokenizedExample, of head: (any OutputHead)?, task: String) throws {
    guard example.labels.isEmpty else {
      guard backbone.head != nil else { throw TaskHeadError.noTokenHead(task: task, family: backbone.family) }
      return
    }
    guard let head, let label = example.label, head.outputCount > 1 else { return }
    guard let place = Int(exactly: label), (0..<head.outputCount).contains(place) else {
      throw TaskError.labelBeyondHead(task: task, example: example.id, label: label, classCount: head.outputCount)
    }
  }
}
