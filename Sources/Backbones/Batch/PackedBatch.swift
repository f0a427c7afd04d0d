/// Examples laid end to end, without padding, and the labels among their positions.
///
/// For an encoder-decoder model every example has a source beside it, laid end to end likewise; its tokens are then
/// the decoder's, the target one place behind the start token.
public struct PackedBatch {
  /// Token ids, all examples one after another.
  public private(set) var tokens: [Int32] = []
  /// The rows of the tokens.
  public private(set) var rows = Rows()
  /// Each token's type: 0, or 1 in the second text of a pair (BERT).
  public private(set) var tokenTypes: [Int32] = []
  /// The encoder's token ids, all examples one after another; none for other models.
  public private(set) var sourceTokens: [Int32] = []
  /// The rows of the source tokens.
  public private(set) var sourceRows = Rows()
  /// The tokens whose output predicts a label: the one before it, or the decoder's at its place.
  public private(set) var labelIndices: [Int32] = []
  /// The rows of those tokens' outputs, one segment an example.
  public private(set) var labelRows = Rows()
  /// The class to predict there.
  public private(set) var labels: [Int32] = []
  /// The number to predict there, in place of a class (regression).
  public private(set) var targets: [Float] = []
  /// The head that reads each example's label rows.
  public private(set) var heads: [HeadChoice] = []

  public init() {}

  public var exampleCount: Int { heads.count }
  public var tokenCount: Int { tokens.count }
  /// Tokens of both streams.
  public var totalTokenCount: Int { tokens.count + sourceTokens.count }
  public var labelCount: Int { labels.count }

  /// An example's labels among all.
  public func labels(of example: Int) -> Range<Int> { labelRows.range(of: example) }

  /// Whether each token's output predicts one label, in order.
  var readsEveryRow: Bool {
    labelIndices.count == tokens.count && labelIndices.indices.allSatisfy { labelIndices[$0] == Int32($0) }
  }

  /// Empties the batch and keeps its memory.
  public mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    rows.removeAll()
    tokenTypes.removeAll(keepingCapacity: true)
    sourceTokens.removeAll(keepingCapacity: true)
    sourceRows.removeAll()
    labelIndices.removeAll(keepingCapacity: true)
    labelRows.removeAll()
    labels.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
    heads.removeAll(keepingCapacity: true)
  }

  /// Adds an example of a causal model: the output at position p predicts `labels[p + 1]` where that is not -100.
  public mutating func appendCausal(
    tokens newTokens: some Collection<Int32>, labels newLabels: some Collection<Int32>, route: Int, ordinal: UInt64
  ) {
    precondition(newTokens.count == newLabels.count, "\(newTokens.count) tokens, \(newLabels.count) labels")
    let start = tokens.count
    for (position, label) in newLabels.enumerated() where position > 0 && label >= 0 {
      read(start + position - 1, label)
    }
    tokens.append(contentsOf: newTokens)
    close(from: start, route: route, ordinal: ordinal)
  }

  /// Adds a prompt whose last position alone is read, for generation; its label is a placeholder.
  public mutating func appendPrompt(tokens newTokens: some Collection<Int32>, route: Int) {
    let start = tokens.count
    tokens.append(contentsOf: newTokens)
    read(tokens.count - 1, 0)
    close(from: start, route: route, ordinal: 0)
  }

  /// Adds an example whose every position is read, for its logits; the labels are placeholders.
  public mutating func appendEveryPosition(tokens newTokens: some Collection<Int32>, route: Int) {
    let start = tokens.count
    for position in 0..<newTokens.count { read(start + position, 0) }
    tokens.append(contentsOf: newTokens)
    close(from: start, route: route, ordinal: 0)
  }

  /// Adds an example of an encoder-decoder model: the output at position p predicts `labels[p]` where that is not
  /// -100, reading the labels before p behind the start token.
  ///
  /// - Parameter everyPosition: Whether every position is read, for its logits; the labels are then placeholders.
  public mutating func appendPair(
    source: some Collection<Int32>, labels newLabels: some Collection<Int32>, _ special: DecoderTokens, route: Int,
    ordinal: UInt64, everyPosition: Bool = false
  ) {
    let start = tokens.count
    if !newLabels.isEmpty { tokens.append(special.start) }
    tokens.append(contentsOf: newLabels.dropLast().lazy.map { $0 >= 0 ? $0 : special.padding })
    for (position, label) in newLabels.enumerated() where label >= 0 || everyPosition {
      read(start + position, max(label, 0))
    }
    sourceTokens.append(contentsOf: source)
    close(from: start, route: route, ordinal: ordinal)
  }

  /// Adds a prompt for the encoder, and the start token, whose output alone is read; its label is a placeholder.
  public mutating func appendPrompt(source: some Collection<Int32>, _ special: DecoderTokens, route: Int) {
    appendPair(source: source, labels: [0], special, route: route, ordinal: 0)
  }

  /// Adds an example of an encoder: the output at every position with a label other than -100 predicts it.
  ///
  /// - Parameters:
  ///   - types: As many as tokens, or none for zeros.
  ///   - everyPosition: Whether every position is read, for its logits; the labels are then placeholders.
  public mutating func appendMasked(
    tokens newTokens: some Collection<Int32>, types: some Collection<Int32>, labels newLabels: some Collection<Int32>,
    route: Int, ordinal: UInt64, everyPosition: Bool = false
  ) {
    let start = tokens.count
    for (position, label) in newLabels.enumerated() where label >= 0 || everyPosition {
      read(start + position, max(label, 0))
    }
    append(newTokens, types)
    close(from: start, route: route, ordinal: ordinal)
  }

  /// Adds an example of an encoder whose first position is read, for its class or number.
  ///
  /// - Parameters:
  ///   - types: As many as tokens, or none for zeros.
  ///   - label: The class, or the number where the head gives one; nil: nothing is read.
  public mutating func appendClassified(
    tokens newTokens: some Collection<Int32>, types: some Collection<Int32>, label: Double?, head: HeadChoice,
    route: Int, ordinal: UInt64
  ) {
    let start = tokens.count
    if let label {
      precondition(!newTokens.isEmpty, "an example without tokens has no first position to read")
      read(start, Int32(exactly: label) ?? 0, target: Float(label))
    }
    append(newTokens, types)
    close(from: start, route: route, ordinal: ordinal, head: head)
  }

  private mutating func append(_ newTokens: some Collection<Int32>, _ types: some Collection<Int32>) {
    precondition(types.isEmpty || types.count == newTokens.count, "\(newTokens.count) tokens, \(types.count) types")
    if types.isEmpty {
      tokenTypes.append(contentsOf: repeatElement(0, count: newTokens.count))
    } else {
      tokenTypes.append(contentsOf: types)
    }
    tokens.append(contentsOf: newTokens)
  }

  /// Makes a token's output predict a label.
  private mutating func read(_ token: Int, _ label: Int32, target: Float = 0) {
    labelIndices.append(Int32(token))
    labels.append(label)
    targets.append(target)
  }

  /// Ends the example whose tokens, source tokens and labels lie behind those of the examples before.
  private mutating func close(from start: Int, route: Int, ordinal: UInt64, head: HeadChoice = .tokens) {
    let segment = Rows.Segment(example: exampleCount, route: route, ordinal: ordinal)
    rows.append(positions: 0..<Int32(tokens.count - start), segment)
    sourceRows.append(positions: 0..<Int32(sourceTokens.count - sourceRows.count), segment)
    labelRows.append(positions: labelIndices[labelRows.count...].map { $0 - Int32(start) }, segment)
    heads.append(head)
  }
}

/// The ids that an encoder-decoder model's inputs are built with.
public struct DecoderTokens: Sendable, Equatable {
  /// What every decoded sequence starts with: decoder_start_token_id.
  public let start: Int32
  /// What the decoder reads in place of a -100: pad_token_id.
  public let padding: Int32

  public init(start: Int32, padding: Int32) { (self.start, self.padding) = (start, padding) }
}

/// Which head reads an example's label rows.
public enum HeadChoice: Sendable, Equatable {
  /// The one that tells tokens apart.
  case tokens
  /// The model's own classification head.
  case classifier
  /// The classification head of an adapter's task, by its place.
  case taskClassifier(Int)
}

/// How a model reads a prompt and its answer.
public enum Architecture: Sendable, Equatable {
  /// As one sequence, each position seeing those before it.
  case decoderOnly
  /// The prompt as the encoder's sequence, the answer as the decoder's.
  case encoderDecoder(DecoderTokens)
  /// As one sequence, each position seeing all; the answer is a class, a number, or the tokens at some positions.
  case encoderOnly
}
