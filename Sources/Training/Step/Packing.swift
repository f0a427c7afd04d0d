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
  ///   - beginning: Holds the rows of a causal model's first tokens already; nil: none.
  public mutating func append(
    _ example: TokenizedExample, for architecture: Architecture, behind beginning: Beginning? = nil, route: Int,
    head: HeadChoice = .classifier, ordinal: UInt64 = 0
  ) {
    switch architecture {
    case .decoderOnly:
      let labels =
        example.labels.isEmpty
        ? Array(repeating: TokenizedExample.noLabel, count: example.inputIds.count)[...] : example.labels
      appendCausal(tokens: example.inputIds, labels: labels, behind: beginning, route: route, ordinal: ordinal)
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

  /// Adds examples of a causal model; what several of one route begin with is computed once.
  public mutating func appendSharing(_ examples: [(example: TokenizedExample, route: Int, ordinal: UInt64)]) {
    let tree = PrefixTree(examples.map { PrefixTree.Sequence(route: $0.route, tokens: $0.example.inputIds) })
    var beginnings = [Beginning?](repeating: nil, count: tree.nodes.count)
    for (place, (example, route, ordinal)) in examples.enumerated() {
      let beginning = tree.places[place].map { begin($0, example, ordinal: ordinal, route: route, tree, &beginnings) }
      append(example, for: .decoderOnly, behind: beginning, route: route, ordinal: ordinal)
    }
  }

  /// The rows of a node of the tree, added where they are not yet there.
  private mutating func begin(
    _ node: Int, _ example: TokenizedExample, ordinal: UInt64, route: Int, _ tree: PrefixTree,
    _ beginnings: inout [Beginning?]
  ) -> Beginning {
    if let beginning = beginnings[node] { return beginning }
    let own = tree.nodes[node]
    let parent = own.parent.map { begin($0, example, ordinal: ordinal, route: route, tree, &beginnings) }
    let beginning = appendBeginning(
      tokens: example.inputIds.prefix(own.positions.upperBound), behind: parent, route: route, ordinal: ordinal,
      exampleCount: own.sequences.count)
    beginnings[node] = beginning
    return beginning
  }

  /// Puts the examples of one part of a step into the batch, in place of what it held.
  ///
  /// - Parameter sharesPrefixes: Whether what several begin with is computed once; for a causal model.
  public mutating func pack(
    _ references: [ExampleReference], from training: [TokenizedTask], routes: TaskRoutes,
    for architecture: Architecture, sharesPrefixes: Bool = false
  ) {
    removeAll()
    guard !sharesPrefixes else {
      return appendSharing(
        references.map { reference in
          let example = training[reference.task][reference.index]
          return (example, routes.route(of: example, task: reference.task), UInt64(reference.ordinal))
        })
    }
    for reference in references {
      let example = training[reference.task][reference.index]
      append(
        example, for: architecture, route: routes.route(of: example, task: reference.task),
        head: routes.head(of: example, task: reference.task), ordinal: UInt64(reference.ordinal))
    }
  }
}
