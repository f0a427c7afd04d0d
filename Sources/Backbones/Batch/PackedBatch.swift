/// Sequences laid end to end, without padding, and the labels among their positions.
///
/// For an encoder-decoder model every sequence has a source beside it, laid end to end likewise; its tokens are then
/// the decoder's, the target one place behind the start token.
public struct PackedBatch {
  /// Token ids, all sequences one after another.
  public private(set) var tokens: [Int32] = []
  /// Each token's position in its sequence, from 0.
  public private(set) var positions: [Int32] = []
  /// Each token's segment, the token type: 0, or 1 in the second of a pair (BERT).
  public private(set) var tokenTypes: [Int32] = []
  /// Where each sequence starts among the tokens; one more than there are sequences.
  public private(set) var starts: [Int] = [0]
  /// The encoder's token ids, all sequences one after another; none for other models.
  public private(set) var sourceTokens: [Int32] = []
  /// Where each sequence starts among the source tokens; one more than there are sequences.
  public private(set) var sourceStarts: [Int] = [0]
  /// Each sequence's task.
  public private(set) var tasks: [Int] = []
  /// Each sequence's running number in the run: what its random numbers are keyed by.
  public private(set) var ordinals: [UInt64] = []
  /// The tokens whose output predicts a label: the one before it, or the decoder's at its place.
  public private(set) var labelRows: [Int32] = []
  /// The class to predict there.
  public private(set) var labels: [Int32] = []
  /// The number to predict there, in place of a class (regression).
  public private(set) var targets: [Float] = []
  /// The head that reads each sequence's label rows.
  public private(set) var heads: [HeadChoice] = []
  /// Where each sequence's labels start; one more than there are sequences.
  public private(set) var labelStarts: [Int] = [0]

  public init() {}

  public var sequenceCount: Int { tasks.count }
  public var tokenCount: Int { tokens.count }
  /// Tokens of both streams.
  public var totalTokenCount: Int { tokens.count + sourceTokens.count }
  public var labelCount: Int { labels.count }

  /// Empties the batch and keeps its memory.
  public mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    positions.removeAll(keepingCapacity: true)
    tokenTypes.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    starts.append(0)
    sourceTokens.removeAll(keepingCapacity: true)
    sourceStarts.removeAll(keepingCapacity: true)
    sourceStarts.append(0)
    tasks.removeAll(keepingCapacity: true)
    ordinals.removeAll(keepingCapacity: true)
    labelRows.removeAll(keepingCapacity: true)
    labels.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
    heads.removeAll(keepingCapacity: true)
    labelStarts.removeAll(keepingCapacity: true)
    labelStarts.append(0)
  }

  /// Adds one sequence of a causal model: the output at position p predicts `labels[p + 1]` where that is not -100.
  public mutating func appendCausal(
    tokens newTokens: some Collection<Int32>, labels newLabels: some Collection<Int32>, task: Int, ordinal: UInt64
  ) {
    precondition(newTokens.count == newLabels.count, "\(newTokens.count) tokens, \(newLabels.count) labels")
    let start = tokens.count
    tokens.append(contentsOf: newTokens)
    positions.append(contentsOf: 0..<Int32(newTokens.count))
    for (position, label) in newLabels.enumerated() where position > 0 && label >= 0 {
      labelRows.append(Int32(start + position - 1))
      labels.append(label)
    }
    close(task: task, ordinal: ordinal)
  }

  /// Adds a prompt whose last position alone is read, for generation; its label is a placeholder.
  public mutating func appendPrompt(tokens newTokens: some Collection<Int32>, task: Int) {
    tokens.append(contentsOf: newTokens)
    positions.append(contentsOf: 0..<Int32(newTokens.count))
    labelRows.append(Int32(tokens.count - 1))
    labels.append(0)
    close(task: task, ordinal: 0)
  }

  /// Adds a sequence whose every position is read, for its logits; the labels are placeholders.
  public mutating func appendEveryPosition(tokens newTokens: some Collection<Int32>, task: Int) {
    labelRows.append(contentsOf: Int32(tokens.count)..<Int32(tokens.count + newTokens.count))
    labels.append(contentsOf: repeatElement(0, count: newTokens.count))
    tokens.append(contentsOf: newTokens)
    positions.append(contentsOf: 0..<Int32(newTokens.count))
    close(task: task, ordinal: 0)
  }

  /// Adds one sequence of an encoder-decoder model: the output at position p predicts `labels[p]` where that is not
  /// -100, reading the labels before p behind the start token.
  ///
  /// - Parameter everyPosition: Whether every position is read, for its logits; the labels are then placeholders.
  public mutating func appendPair(
    source: some Collection<Int32>, labels newLabels: some Collection<Int32>, _ special: DecoderTokens, task: Int,
    ordinal: UInt64, everyPosition: Bool = false
  ) {
    let start = tokens.count
    if !newLabels.isEmpty { tokens.append(special.start) }
    tokens.append(contentsOf: newLabels.dropLast().lazy.map { $0 >= 0 ? $0 : special.padding })
    for (position, label) in newLabels.enumerated() where label >= 0 || everyPosition {
      labelRows.append(Int32(start + position))
      labels.append(max(label, 0))
    }
    close(source: source, task: task, ordinal: ordinal, from: start)
  }

  /// Adds a prompt for the encoder, and the start token, whose output alone is read; its label is a placeholder.
  public mutating func appendPrompt(source: some Collection<Int32>, _ special: DecoderTokens, task: Int) {
    appendPair(source: source, labels: [0], special, task: task, ordinal: 0)
  }

  /// Adds one sequence of an encoder: the output at every position with a label other than -100 predicts it.
  ///
  /// - Parameters:
  ///   - types: As many as tokens, or none for zeros.
  ///   - everyPosition: Whether every position is read, for its logits; the labels are then placeholders.
  public mutating func appendMasked(
    tokens newTokens: some Collection<Int32>, types: some Collection<Int32>, labels newLabels: some Collection<Int32>,
    task: Int, ordinal: UInt64, everyPosition: Bool = false
  ) {
    for (position, label) in newLabels.enumerated() where label >= 0 || everyPosition {
      labelRows.append(Int32(tokens.count + position))
      labels.append(max(label, 0))
    }
    append(newTokens, types)
    close(task: task, ordinal: ordinal)
  }

  /// Adds one sequence of an encoder whose first position is read, for its class or number.
  ///
  /// - Parameters:
  ///   - types: As many as tokens, or none for zeros.
  ///   - label: The class, or the number where the head gives one; nil: nothing is read.
  public mutating func appendClassified(
    tokens newTokens: some Collection<Int32>, types: some Collection<Int32>, label: Double?, head: HeadChoice,
    task: Int, ordinal: UInt64
  ) {
    if let label {
      precondition(!newTokens.isEmpty, "a sequence without tokens has no first position to read")
      labelRows.append(Int32(tokens.count))
      labels.append(Int32(exactly: label) ?? 0)
      targets.append(contentsOf: repeatElement(0, count: labels.count - 1 - targets.count))
      targets.append(Float(label))
    }
    append(newTokens, types)
    close(task: task, ordinal: ordinal, head: head)
  }

  private mutating func append(_ newTokens: some Collection<Int32>, _ types: some Collection<Int32>) {
    precondition(types.isEmpty || types.count == newTokens.count, "\(newTokens.count) tokens, \(types.count) types")
    positions.append(contentsOf: 0..<Int32(newTokens.count))
    if types.isEmpty {
      tokenTypes.append(contentsOf: repeatElement(0, count: newTokens.count))
    } else {
      tokenTypes.append(contentsOf: types)
    }
    tokens.append(contentsOf: newTokens)
  }

  private mutating func close(source: some Collection<Int32>, task: Int, ordinal: UInt64, from start: Int) {
    positions.append(contentsOf: 0..<Int32(tokens.count - start))
    sourceTokens.append(contentsOf: source)
    close(task: task, ordinal: ordinal)
  }

  private mutating func close(task: Int, ordinal: UInt64, head: HeadChoice = .tokens) {
    targets.append(contentsOf: repeatElement(0, count: labels.count - targets.count))
    heads.append(head)
    starts.append(tokens.count)
    sourceStarts.append(sourceTokens.count)
    labelStarts.append(labels.count)
    tasks.append(task)
    ordinals.append(ordinal)
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

/// Which head reads a sequence's label rows.
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
