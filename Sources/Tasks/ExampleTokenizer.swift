/// How text becomes token ids.
public struct TokenizationOptions: Sendable, Equatable, Encodable {
  public var kind: SequenceKind
  /// The most tokens of a sequence: prompt and answer together (causal), else the prompt.
  public var maxSequenceLength: Int
  /// The most tokens of an answer, its end-of-text token included.
  public var maxTargetLength: Int
  /// The token that ends an answer; nil: the tokenizer's own.
  public var endOfTextId: Int32?
  /// The model's vocabulary: pre-tokenized ids must be below it. nil: not checked.
  public var vocabularySize: Int?
  /// The token types the model knows.
  public var tokenTypeCount: Int

  public init(
    kind: SequenceKind, maxSequenceLength: Int = 1024, maxTargetLength: Int = 128, endOfTextId: Int32? = nil,
    vocabularySize: Int? = nil, tokenTypeCount: Int = 1
  ) {
    self.kind = kind
    self.maxSequenceLength = maxSequenceLength
    self.maxTargetLength = maxTargetLength
    self.endOfTextId = endOfTextId
    self.vocabularySize = vocabularySize
    self.tokenTypeCount = tokenTypeCount
  }

  /// The most tokens of an answer, its end-of-text token included: ``maxTargetLength`` and, where prompt and answer are
  /// one sequence, no more than half of ``maxSequenceLength``.
  public var answerRoom: Int {
    kind == .causal ? max(min(maxTargetLength, maxSequenceLength / 2), 1) : maxTargetLength
  }

  /// The most tokens of a prompt: what the longest answer leaves of the sequence.
  ///
  /// It is the same for every example, trained on or to be answered: where a prompt ends says nothing of its answer.
  public var promptRoom: Int { kind == .causal ? maxSequenceLength - answerRoom : maxSequenceLength }
}

/// Turns examples into token ids of bounded length.
///
/// The answer keeps ``TokenizationOptions/answerRoom`` tokens with its end-of-text token, the prompt
/// ``TokenizationOptions/promptRoom``; both lose their ends, as in Tk-Instruct and Hugging Face's truncation.
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

  /// - Parameter classes: nil: the answer is not read, only the prompt.
  func outcome(_ example: Example, classes: [String]?, task: String) throws -> Outcome {
    guard let encoding else { throw TaskError.noTokenizer(task: task) }
    let source = encoding.encode(example.source, addSpecialTokens: false)
    let target = options.kind == .classification ? [] : try answer(example.target, encoding)
    let keptTarget = cut(answer: target)
    let room = options.promptRoom
    let pair = try example.sourcePair.map { try self.pair(source, $0, encoding, room: room, task: task) }
    let prompt = pair?.ids ?? framed(source, room: room)
    var result = TokenizedExample(
      id: example.id, prompt: prompt, answer: keptTarget, kind: options.kind, references: example.references)
    if options.kind == .classification {
      result.tokenTypes = pair?.types[...] ?? []
      result.label = try classes.map { try classNumber(of: example.target, classes: $0, task: task) }
    }
    try requireKnown(prompt + keptTarget, task: task)
    let isSourceCut = pair?.isCut ?? (prompt.count < prefix.count + source.count + suffix.count)
    return Outcome(example: result, isSourceCut: isSourceCut, isTargetCut: keptTarget.count < target.count)
  }

  /// The tokens of the answers that a label set has, each with its end-of-text token, in the order of the labels.
  ///
  /// - Throws: ``TaskError/labelTooLong(task:label:tokens:room:)`` if one would be cut,
  ///   ``TaskError/labelsAlike(task:label:other:)`` if two cannot be told apart, ``TaskError/noTokenizer(task:)``,
  ///   ``TaskError/noEndOfText``, ``TaskError/tokenBeyondModel(task:token:vocabularySize:)``.
  public func answers(_ labels: [String], task: String) throws -> [[Int32]] {
    guard let encoding else { throw TaskError.noTokenizer(task: task) }
    var answers: [[Int32]] = []
    for label in labels {
      let tokens = try answer(label, encoding)
      guard tokens.count <= options.answerRoom else {
        throw TaskError.labelTooLong(task: task, label: label, tokens: tokens.count, room: options.answerRoom)
      }
      try requireKnown(tokens, task: task)
      if let place = answers.firstIndex(of: tokens) {
        throw TaskError.labelsAlike(task: task, label: labels[place], other: label)
      }
      answers.append(tokens)
    }
    return answers
  }

  /// A whole answer with its end-of-text token.
  private func answer(_ text: String, _ encoding: any TextEncoding) throws -> [Int32] {
    guard let endOfTextId else { throw TaskError.noEndOfText }
    return encoding.encode(text, addSpecialTokens: false) + [endOfTextId]
  }

  /// As much of an answer as there is room for; its last token, which ends it, stays.
  private func cut(answer: [Int32]) -> [Int32] {
    answer.count <= options.answerRoom ? answer : answer.prefix(options.answerRoom - 1) + answer.suffix(1)
  }

  /// A prompt with its special tokens and, of the text, as much from its start as `room` allows.
  private func framed(_ source: [Int32], room: Int) -> [Int32] {
    let textRoom = max(room - prefix.count - suffix.count, 0)
    // Where not even the special tokens fit, room decides.
    return Array((prefix + source.prefix(textRoom) + suffix).prefix(room))
  }

  /// A text and a second one with their special tokens. Where they are too long, the longer one loses its end; where
  /// both are, each gets half the room (Hugging Face's `longest_first`).
  private func pair(
    _ first: [Int32], _ secondText: String, _ encoding: any TextEncoding, room: Int, task: String
  ) throws -> (ids: [Int32], types: [Int32], isCut: Bool) {
    guard options.kind == .classification else { throw TaskError.pairForOneText(task: task) }
    let second = encoding.encode(secondText, addSpecialTokens: false)
    let room = max(room - encoding.pair([], []).ids.count, 0)
    let counts = Self.pairLengths(first.count, second.count, room: room)
    let (ids, types) = encoding.pair(Array(first.prefix(counts.first)), Array(second.prefix(counts.second)))
    let known = options.tokenTypeCount
    guard let stranger = types.first(where: { $0 >= known }) else {
      return (ids, known == 1 ? [] : types, counts.first + counts.second < first.count + second.count)
    }
    throw TaskError.tokenTypeBeyondModel(place: "A text pair of \(task)", type: Int(stranger), typeCount: known)
  }

  /// How many tokens of two texts fit into `room`.
  static func pairLengths(_ first: Int, _ second: Int, room: Int) -> (first: Int, second: Int) {
    guard first + second > room else { return (first, second) }
    var (shorter, longer) = (min(first, second), max(first, second))
    longer = max(shorter, room - shorter)
    if shorter + longer > room { (shorter, longer) = (room / 2, room - room / 2) }
    return first > second ? (longer, shorter) : (shorter, longer)
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

  func classNumber(of label: String, classes: [String], task: String) throws -> Double {
    if let place = classes.firstIndex(of: label) { return Double(place) }
    guard classes.isEmpty, let number = Double(label), number.isFinite else {
      throw TaskError.labelIsNotANumber(task: task, label: label)
    }
    return number
  }
}
