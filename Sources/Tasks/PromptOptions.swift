/// Everything that a recipe says of a task and that its tokens depend on: how files are read, which of their examples
/// are used, and how these become prompts and answers.
///
/// The cache of tokens is looked up by the encoding of this type, so that a new property is part of the key without
/// being named there.
public struct PromptOptions: Sendable, Equatable, Encodable {
  public var format: TaskFormat
  /// The prompt, with `{field}` for a field's text and `{{`, `}}` for braces. `jsonl` and `csv` only.
  public var source: String
  /// The second text of a pair, written as `source` is, for encoders: tokenised as the second segment. nil: one text.
  public var sourcePair: String?
  /// The answer, written as `source` is. A field that holds a list gives one reference an element.
  public var target: String
  /// The answers there are, in class order. Empty: any answer. An answer outside it is an error.
  public var labels: [String]
  /// Labels whose examples are left out, such as the "-" of MNLI's undecided ones.
  public var skipLabels: [String] = []
  /// How many positive examples of a Super-NaturalInstructions task go into the prompt.
  public var positiveExamples = 2
  /// How many negative examples of a Super-NaturalInstructions task go into the prompt.
  public var negativeExamples = 0
  /// Whether the examples in the prompt bring their explanations.
  public var explanations = false
  /// How many examples of the training file are read at most, from its start; nil: all.
  public var maxTrainExamples: Int?
  /// The half of the training examples to use, of those that ``skipLabels`` and ``maxTrainExamples`` leave; nil: all.
  /// Needs ``labels``.
  public var labelSplit: LabelSplit?
  /// How many examples of the test file are read at most, from its start; nil: all.
  public var maxTestExamples: Int?
  /// ``delimiter`` as text, since a character cannot be encoded.
  private var delimiterText: String?

  public init(
    _ format: TaskFormat, source: String = "{source}", target: String = "{target}", labels: [String] = []
  ) {
    (self.format, self.source, self.target, self.labels) = (format, source, target, labels)
  }

  /// What separates columns in `csv` files; nil: a tab in files that end in `.tsv`, else a comma.
  public var delimiter: Character? {
    get { delimiterText?.first }
    set { delimiterText = newValue.map { String($0) } }
  }

  /// The largest number of examples read from one split; nil: all.
  public func exampleLimit(_ split: DataSplit) -> Int? { split == .train ? maxTrainExamples : maxTestExamples }

  /// The options without those that concern the other split alone: its tokens need not be made anew for their sake.
  func concerning(_ split: DataSplit) -> PromptOptions {
    var options = self
    switch split {
    case .train: options.maxTestExamples = nil
    case .test: (options.maxTrainExamples, options.labelSplit) = (nil, nil)
    }
    return options
  }
}
