import Backbones
import Tasks

extension StepPlan {
  /// What routes the examples of a step, each once, ascending: what every rank knows without asking.
  func routes(of training: [TokenizedTask], _ routes: TaskRoutes) -> [Int] {
    Set(parts.joined().map { routes.route(of: training[$0.task][$0.index], task: $0.task) }).sorted()
  }
}

extension Architecture {
  /// How examples are tokenised for such a model.
  public var sequenceKind: SequenceKind {
    switch self {
    case .decoderOnly: .causal
    case .encoderDecoder: .sequenceToSequence
    case .encoderOnly: .classification
    }
  }
}

extension PackedBatch {
  /// Adds an example as a model of the given kind reads it. One without labels has none in the loss.
  ///
  /// - Parameters:
  ///   - route: The adapter's task that it is routed by.
  ///   - head: What classifies it; examples with labels at single tokens have the model's head for tokens.
  ///   - ordinal: What its random numbers are keyed by.
  public mutating func append(
    _ example: TokenizedExample, for architecture: Architecture, route: Int, head: HeadChoice = .classifier,
    ordinal: UInt64 = 0
  ) {
    switch architecture {
    case .decoderOnly:
      let labels =
        example.labels.isEmpty
        ? Array(repeating: TokenizedExample.noLabel, count: example.inputIds.count)[...] : example.labels
      appendCausal(tokens: example.inputIds, labels: labels, route: route, ordinal: ordinal)
    case .encoderDecoder(let special):
      appendPair(source: example.inputIds, labels: example.labels, special, route: route, ordinal: ordinal)
    case .encoderOnly:
      if example.labels.isEmpty {
        appendClassified(
          tokens: example.inputIds, types: example.tokenTypes, label: example.label, head: head, route: route,
          ordinal: ordinal)
      } else {
        appendMasked(
          tokens: example.inputIds, types: example.tokenTypes, labels: example.labels, route: route, ordinal: ordinal)
      }
    }
  }

  /// Adds an example whose every position is read, for its logits: in an encoder-decoder model the decoder's. Where an
  /// encoder classifies, the first alone.
  public mutating func appendEveryPosition(
    _ example: TokenizedExample, for architecture: Architecture, route: Int, head: HeadChoice = .classifier
  ) {
    switch architecture {
    case .decoderOnly: appendEveryPosition(tokens: example.inputIds, route: route)
    case .encoderDecoder(let special):
      appendPair(
        source: example.inputIds, labels: example.labels, special, route: route, ordinal: 0, everyPosition: true)
    case .encoderOnly:
      if head == .tokens || !example.labels.isEmpty {
        appendMasked(
          tokens: example.inputIds, types: example.tokenTypes,
          labels: Array(repeating: 0, count: example.inputIds.count), route: route, ordinal: 0,
          everyPosition: true)
      } else {
        appendClassified(
          tokens: example.inputIds, types: example.tokenTypes, label: 0, head: head, route: route, ordinal: 0)
      }
    }
  }

  /// Adds a prompt to generate from.
  public mutating func appendPrompt(_ tokens: some Collection<Int32>, for architecture: Architecture, route: Int) {
    switch architecture {
    case .decoderOnly: appendPrompt(tokens: tokens, route: route)
    case .encoderDecoder(let special): appendPrompt(source: tokens, special, route: route)
    case .encoderOnly: preconditionFailure("an encoder does not generate")
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
        example, for: architecture, route: routes.route(of: example, task: reference.task),
        head: routes.head(of: example, task: reference.task), ordinal: UInt64(reference.ordinal))
    }
  }
}
