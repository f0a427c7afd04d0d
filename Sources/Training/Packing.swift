import Backbones
import Tasks

extension StepPlan {
  /// The tasks whose rows of the adapter a step uses, each once, ascending: what every rank knows without asking.
  func routedTasks(of training: [TokenizedTask], _ routes: TaskRoutes) -> [Int] {
    Set(parts.joined().map { routes.route(of: training[$0.task][$0.index], task: $0.task) }).sorted()
  }
}

extension Architecture {
  /// How examples are tokenised for such a model.
  public var sequenceKind: SequenceKind {
    switch self {
    case .decoderOnly: .causal
    case .encoderDecoder: .sequenceToSequence
    }
  }
}

extension PackedBatch {
  /// Adds an example as a model of the given kind reads it. One without labels has none in the loss.
  ///
  /// - Parameters:
  ///   - task: The task that routes it.
  ///   - ordinal: What its random numbers are keyed by.
  public mutating func append(
    _ example: TokenizedExample, for architecture: Architecture, task: Int, ordinal: UInt64 = 0
  ) {
    switch architecture {
    case .decoderOnly:
      let labels =
        example.labels.isEmpty
        ? Array(repeating: TokenizedExample.noLabel, count: example.inputIds.count)[...] : example.labels
      appendCausal(tokens: example.inputIds, labels: labels, task: task, ordinal: ordinal)
    case .encoderDecoder(let special):
      appendPair(source: example.inputIds, labels: example.labels, special, task: task, ordinal: ordinal)
    }
  }

  /// Adds an example whose every position is read, for its logits: in an encoder-decoder model the decoder's.
  public mutating func appendEveryPosition(_ example: TokenizedExample, for architecture: Architecture, task: Int) {
    switch architecture {
    case .decoderOnly: appendEveryPosition(tokens: example.inputIds, task: task)
    case .encoderDecoder(let special):
      appendPair(
        source: example.inputIds, labels: example.labels, special, task: task, ordinal: 0, everyPosition: true)
    }
  }

  /// Adds a prompt to generate from.
  public mutating func appendPrompt(_ tokens: some Collection<Int32>, for architecture: Architecture, task: Int) {
    switch architecture {
    case .decoderOnly: appendPrompt(tokens: tokens, task: task)
    case .encoderDecoder(let special): appendPrompt(source: tokens, special, task: task)
    }
  }

  /// Puts the examples of one part of a step into the batch, in place of what it held.
  public mutating func pack(
    _ references: [ExampleReference], from training: [TokenizedTask], routes: TaskRoutes,
    for architecture: Architecture
  ) {
    removeAll()
    for reference in references {
      let example = training[reference.task][reference.index]
      append(
        example, for: architecture, task: routes.route(of: example, task: reference.task),
        ordinal: UInt64(reference.ordinal))
    }
  }
}
