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
  /// Their positions in their examples.
  private var labelPositions: [Int32] = []
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
  /// Tokens that are computed: those that several examples begin with once.
  public var tokenCount: Int { tokens.count }
  /// Tokens of both streams that are computed.
  public var totalTokenCount: Int { tokens.count + sourceTokens.count }
  /// Tokens of all examples, in both streams.
  public private(set) var exampleTokenCount = 0
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
    labelPositions.removeAll(keepingCapacity: true)
    exampleTokenCount = 0
    labelRows.removeAll()
    labels.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
    heads.removeAll(keepingCapacity: true)
  }

  /// Adds rows that several examples of a causal model begin with; they come behind it.
  ///
  /// - Parameters:
  ///   - newTokens: Whole, from the first position on.
  ///   - beginning: What these begin with in turn; nil: nothing.
  ///   - ordinal: Of the first example, whose random numbers are theirs.
  ///   - exampleCount: How many examples these rows stand for.
  public mutating func appendBeginning(
    tokens newTokens: some Collection<Int32>, behind beginning: Beginning? = nil, route: Int, ordinal: UInt64,
    exampleCount: Int
  ) -> Beginning {
    let start = tokens.count, first = beginning?.length ?? 0
    tokens.append(contentsOf: newTokens.dropFirst(first))
    let draw = beginning?.draw ?? ordinal, depth = (beginning?.depth ?? 0) + 1
    let ranges = (beginning?.ranges ?? []) + [start..<tokens.count]
    // Its rows draw apart from those of the first example behind it.
    let segment = Rows.Segment(
      example: self.exampleCount, route: route, ordinal: ordinal ^ UInt64(depth) << 48, draw: draw,
      exampleCount: exampleCount, keys: beginning == nil ? nil : KeyRanges(ranges))
    rows.append(positions: Int32(first)..<Int32(newTokens.count), segment)
    return Beginning(ranges: ranges, draw: draw, depth: depth)
  }

  /// Adds an example of a causal model: the output at position p predicts `labels[p + 1]` where that is not -100.
  ///
  /// - Parameter beginning: Holds the rows of the first tokens already; nil: none.
  public mutating func appendCausal(
    tokens newTokens: some Collection<Int32>, labels newLabels: some Collection<Int32>,
    behind beginning: Beginning? = nil, route: Int, ordinal: UInt64
  ) {
    precondition(newTokens.count == newLabels.count, "\(newTokens.count) tokens, \(newLabels.count) labels")
    let start = tokens.count
    for (position, label) in newLabels.enumerated() where position > 0 && label >= 0 {
      read(position - 1, label, behind: beginning, from: start)
    }
    tokens.append(contentsOf: newTokens.dropFirst(beginning?.length ?? 0))
    close(from: start, behind: beginning, route: route, ordinal: ordinal)
  }

  /// Adds an example whose every position is read, for its logits; the labels are placeholders.
  public mutating func appendEveryPosition(tokens newTokens: some Collection<Int32>, route: Int) {
    let start = tokens.count
    for position in 0..<newTokens.count { read(position, 0, from: start) }
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
      read(position, max(label, 0), from: start)
    }
    sourceTokens.append(contentsOf: source)
    close(from: start, route: route, ordinal: ordinal)
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
      read(position, max(label, 0), from: start)
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
      read(0, Int32(exactly: label) ?? 0, target: Float(label), from: start)
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

  /// Makes the output at a position of the example at hand, whose own tokens begin at `start`, predict a label.
  private mutating func read(
    _ position: Int, _ label: Int32, target: Float = 0, behind beginning: Beginning? = nil, from start: Int
  ) {
    labelIndices.append(Int32(beginning?.row(at: position) ?? start + position - (beginning?.length ?? 0)))
    labelPositions.append(Int32(position))
    labels.append(label)
    targets.append(target)
  }

  /// Ends the example whose own tokens, source tokens and labels lie behind those of the examples before.
  private mutating func close(
    from start: Int, behind beginning: Beginning? = nil, route: Int, ordinal: UInt64, head: HeadChoice = .tokens
  ) {
    let own = start..<tokens.count, first = beginning?.length ?? 0
    let keys = beginning.map { KeyRanges($0.ranges + [own]) }
    let segment = Rows.Segment(
      example: exampleCount, route: route, ordinal: ordinal, draw: beginning?.draw, keys: keys)
    if beginning == nil || !own.isEmpty { rows.append(positions: Int32(first)..<Int32(first + own.count), segment) }
    let sources = sourceRows.count..<sourceTokens.count
    sourceRows.append(positions: 0..<Int32(sources.count), segment)
    labelRows.append(positions: labelPositions[labelRows.count...], segment)
    heads.append(head)
    exampleTokenCount += first + own.count + sources.count
  }
}

extension PackedBatch {
  /// Rows in a batch that several examples begin with.
  public struct Beginning: Sendable {
    /// Where they lie, one range behind the other.
    let ranges: [Range<Int>]
    /// What is drawn once for all examples behind it is keyed by.
    let draw: UInt64
    /// Its number of ranges counted from the first.
    let depth: Int

    /// Positions.
    public var length: Int { ranges.reduce(0) { $0 + $1.count } }

    /// The row of a position; nil: it lies behind.
    func row(at position: Int) -> Int? {
      var rest = position
      for range in ranges {
        if rest < range.count { return range.lowerBound + rest }
        rest -= range.count
      }
      return nil
    }
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
