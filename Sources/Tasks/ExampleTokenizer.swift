/// How text becomes token ids.
public struct TokenizationOptions: Sendable, Equatable {
  public var kind: SequenceKind
  /// The most tokens of a sequence: prompt and answer together (causal), else the prompt.
  public var maxSequenceLength: Int
  /// The most tokens of an answer, its end-of-text token included.
  public var maxTargetLength: Int
  /// The token that ends an answer; nil: the tokenizer's own.
  public var endOfTextId: Int32?
  /// The model's vocabulary: pre-tokenized ids must be below it. nil: not checked.
  public var vocabularySize: Int?

  public init(
    kind: SequenceKind, maxSequenceLength: Int = 1024, maxTargetLength: Int = 128, endOfTextId: Int32? = nil,
    vocabularySize: Int? = nil
  ) {
    self.kind = kind
    self.maxSequenceLength = maxSequenceLength
    self.maxTargetLength = maxTargetLength
    self.endOfTextId = endOfTextId
    self.vocabularySize = vocabularySize
  }
}

/// Turns examples into token ids of bounded length.
///
/// The answer is cut first, to ``TokenizationOptions/maxTargetLength`` with its end-of-text token; then the prompt
/// loses its end, as in Tk-Instruct and Hugging Face's truncation, so that the whole fits. The answer is never cut for
/// the prompt.
public struct ExampleTokenizer: Sendable {
  /// A tokenized example, and what it lost.
  struct Outcome {
    var example: TokenizedExample
    var isSourceCut: Bool
    var isTargetCut: Bool
  }

  public let options: TokenizationOptions
  /// The end-of-text token in use.
  public let endOfTextId: Int32?
  private let encoding: (any TextEncoding)?
  /// The special tokens around a whole input.
  private let prefix: [Int32]
  private let suffix: [Int32]

  /// - Parameter encoding: The tokenizer; nil where all data is pre-tokenized.
  /// - Throws: ``TaskError/badLimit(key:value:)``, ``TaskError/unclearSpecialTokens``.
  public init(encoding: (any TextEncoding)?, options: TokenizationOptions) throws {
    for (key, value) in [
      ("max_seq_length", options.maxSequenceLength), ("max_target_length", options.maxTargetLength),
    ] where value < 1 {
      throw TaskError.badLimit(key: key, value: value)
    }
    self.encoding = encoding
    self.options = options
    endOfTextId = options.endOfTextId ?? encoding?.endOfTextId
    (prefix, suffix) = try encoding.map(Self.specialTokens) ?? ([], [])
  }

  /// What a tokenizer puts before and behind a text, seen on a short one. Knowing it, one call a text is enough, and a
  /// prompt can be cut without losing what belongs behind it.
  private static func specialTokens(of encoding: any TextEncoding) throws -> (prefix: [Int32], suffix: [Int32]) {
    let plain = encoding.encode("a", addSpecialTokens: false)
    let whole = encoding.encode("a", addSpecialTokens: true)
    for start in 0...max(whole.count - plain.count, 0) where whole.dropFirst(start).starts(with: plain) {
      return (Array(whole[..<start]), Array(whole[(start + plain.count)...]))
    }
    throw TaskError.unclearSpecialTokens
  }

  /// Tokenizes one example of text.
  ///
  /// - Parameters:
  ///   - classes: The label set, whose places are the class numbers; empty: the answer is a number. Classification
  ///     only.
  ///   - task: The task's name, for error texts.
  /// - Throws: ``TaskError/noTokenizer(task:)``, ``TaskError/noEndOfText``,
  ///   ``TaskError/tokenBeyondModel(task:token:vocabularySize:)``, ``TaskError/labelIsNotANumber(task:label:)``.
  public func tokenize(_ example: Example, classes: [String] = [], task: String) throws -> TokenizedExample {
    try outcome(example, classes: classes, task: task).example
  }

  func outcome(_ example: Example, classes: [String], task: String) throws -> Outcome {
    guard let encoding else { throw TaskError.noTokenizer(task: task) }
    let source = encoding.encode(example.source, addSpecialTokens: false)
    var target: [Int32] = []
    var isTargetCut = false
    if options.kind != .classification {
      guard let endOfTextId else { throw TaskError.noEndOfText }
      target = encoding.encode(example.target, addSpecialTokens: false)
      let room = options.kind == .causal
        ? min(options.maxTargetLength, options.maxSequenceLength) : options.maxTargetLength
      isTargetCut = target.count > room - 1
      target = target.prefix(room - 1) + [endOfTextId]
    }
    let room = options.maxSequenceLength - (options.kind == .causal ? target.count : 0)
    let prompt = framed(source, room: room)
    var result = TokenizedExample(
      id: example.id, inputIds: prompt[...], labels: target[...], promptLength: prompt.count,
      references: example.references)
    switch options.kind {
    case .causal:
      result.inputIds += target
      result.labels = repeatElement(TokenizedExample.noLabel, count: prompt.count) + target[...]
    case .sequenceToSequence: break
    case .classification: result.label = try classNumber(of: example.target, classes: classes, task: task)
    }
    try requireKnown(prompt + target, task: task)
    let isSourceCut = prompt.count < prefix.count + source.count + suffix.count
    return Outcome(example: result, isSourceCut: isSourceCut, isTargetCut: isTargetCut)
  }

  /// A prompt with its special tokens and, of the text, as much from its start as `room` allows.
  private func framed(_ source: [Int32], room: Int) -> [Int32] {
    let textRoom = max(room - prefix.count - suffix.count, 0)
    // Where not even the special tokens fit, room decides.
    return Array((prefix + source.prefix(textRoom) + suffix).prefix(room))
  }

  /// A whole prompt with its special tokens, whatever its length.
  func encodePrompt(_ source: String, task: String) throws -> [Int32] {
    guard let encoding else { throw TaskError.noTokenizer(task: task) }
    let prompt = prefix + encoding.encode(source, addSpecialTokens: false) + suffix
    try requireKnown(prompt, task: task)
    return prompt
  }

  /// Throws unless the model has every one of the tokens.
  private func requireKnown(_ tokens: [Int32], task: String) throws {
    guard let size = options.vocabularySize, let token = tokens.first(where: { $0 >= size }) else { return }
    throw TaskError.tokenBeyondModel(task: task, token: token, vocabularySize: size)
  }

  private func classNumber(of label: String, classes: [String], task: String) throws -> Double {
    if let place = classes.firstIndex(of: label) { return Double(place) }
    guard classes.isEmpty, let number = Double(label), number.isFinite else {
      throw TaskError.labelIsNotANumber(task: task, label: label)
    }
    return number
  }
}
