/// How a model reads a prompt and its answer.
public enum SequenceKind: String, Sendable, Codable, CaseIterable {
  /// Prompt and answer in one sequence; a label a token (GPT-2, Llama, Gemma).
  case causal
  /// The prompt for the encoder, the answer for the decoder (T5).
  case sequenceToSequence
  /// The prompt alone, and one class or number, or the tokens at some of its places (BERT, RoBERTa).
  case classification
}

/// One example as token ids.
public struct TokenizedExample: Sendable, Equatable {
  /// The label of a token that is not trained on.
  public static let noLabel: Int32 = -100

  /// The example's name in its file, or its line number.
  public var id: String
  /// The tokens read: prompt and answer (causal), else the prompt.
  public var inputIds: ArraySlice<Int32>
  /// The segment of each of ``inputIds``, its token type; empty: 0 for all.
  public var tokenTypes: ArraySlice<Int32>
  /// Causal: as many as ``inputIds``, ``noLabel`` over the prompt; label i is what the tokens before i should predict.
  /// Encoder-decoder: the answer. Classification: none; or as many as ``inputIds``, the tokens to predict in their own
  /// places (masked language modelling).
  public var labels: ArraySlice<Int32>
  /// How many of ``inputIds``, from the first, are the prompt.
  public var promptLength: Int
  /// The class number or the value to predict; classification only.
  public var label: Double?
  /// The route that the line itself names: a task's number in the adapter. nil: that of the task it was read for.
  public var route: Int?
  /// The answers that count as right; kept for the test split of text tasks.
  public var references: [String]

  public init(
    id: String, inputIds: ArraySlice<Int32>, tokenTypes: ArraySlice<Int32> = [], labels: ArraySlice<Int32>,
    promptLength: Int, label: Double? = nil, route: Int? = nil, references: [String] = []
  ) {
    self.id = id
    self.inputIds = inputIds
    self.tokenTypes = tokenTypes
    self.labels = labels
    self.promptLength = promptLength
    self.label = label
    self.route = route
    self.references = references
  }

  /// A prompt and its answer as a model reads them; one that classifies reads the prompt alone.
  public init(
    id: String, prompt: [Int32], answer: [Int32], kind: SequenceKind, references: [String] = []
  ) {
    self.init(
      id: id, inputIds: prompt[...], labels: answer[...], promptLength: prompt.count, references: references)
    if kind == .causal {
      inputIds += answer
      labels = repeatElement(Self.noLabel, count: prompt.count) + answer[...]
    }
  }

  /// A class or a number as text: whole numbers without a point.
  public static func text(ofLabel label: Double) -> String { Int(exactly: label).map(String.init) ?? String(label) }

  /// The tokens of the example in training: those read, and an encoder-decoder model's answer.
  public func tokenCount(_ kind: SequenceKind) -> Int {
    kind == .sequenceToSequence ? inputIds.count + labels.count : inputIds.count
  }

  /// The labels that enter the loss. A causal model predicts each token from the ones before it, so its first label
  /// never counts; a class or a number is one label.
  public func labelCount(_ kind: SequenceKind) -> Int {
    switch kind {
    case .causal: return labels.dropFirst().count { $0 != Self.noLabel }
    case .sequenceToSequence: return labels.count { $0 != Self.noLabel }
    case .classification:
      guard labels.isEmpty else { return labels.count { $0 != Self.noLabel } }
      return label == nil || inputIds.isEmpty ? 0 : 1
    }
  }

  /// The tokens to answer: the prompt, without its end if it is longer than `maximumLength`. A pre-tokenized one may be
  /// longer than ``TokenizationOptions/promptRoom``.
  public func prompt(maximumLength: Int) -> ArraySlice<Int32> {
    inputIds.prefix(min(promptLength, max(maximumLength, 0)))
  }
}
