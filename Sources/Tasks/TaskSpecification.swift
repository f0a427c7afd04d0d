import Foundation

/// How a task's files are written.
public enum TaskFormat: String, Sendable, CaseIterable, Codable {
  /// One JSON file in the schema of Super-NaturalInstructions (Wang et al. 2022).
  case superNaturalInstructions = "super_natural_instructions"
  /// One JSON object a line; its keys are the fields.
  case jsonLines = "jsonl"
  /// A header line and one record a row, separated by commas (or tabs in `.tsv` files).
  case csv
  /// One JSON object a line with token ids, made elsewhere.
  case pretokenized
}

/// Which of a task's two files is meant.
public enum DataSplit: String, Sendable, CaseIterable, Codable {
  case train
  case test
}

/// How a text-to-text model's answers to test examples are found.
public enum PredictionMethod: String, Sendable, CaseIterable, Codable {
  /// The model writes them, the likeliest token each time.
  case generation
  /// Every label is scored as the answer, and the likeliest one is the prediction.
  case rankClassification = "rank_classification"
}

/// One task of a recipe: where its examples are, how they become text, how answers are scored.
public struct TaskSpecification: Sendable, Equatable {
  /// The name in reports, in error texts and in the `task` key of pre-tokenized lines.
  public var name: String
  public var format: TaskFormat
  /// The training file; a run that only evaluates needs none.
  public var train: URL?
  /// The test file; a run that only trains needs none.
  public var test: URL?
  /// The prompt, with `{field}` for a field's text and `{{`, `}}` for braces. `jsonl` and `csv` only.
  public var source: String
  /// The second text of a pair, written as `source` is, for encoders: tokenised as the second segment. nil: one text.
  public var sourcePair: String?
  /// The answer, written as `source` is. A field that holds a list gives one reference an element.
  public var target: String
  /// The answers there are, in class order. Empty: any answer. An answer outside it is an error.
  public var labels: [String]
  /// Labels whose examples are left out, such as the "-" of MNLI's undecided ones.
  public var skipLabels: [String]
  /// Outputs of a classification head of the task's own, 1 for a number; nil: the model's own head classifies.
  public var numLabels: Int?
  /// How test examples are answered; ranking needs ``labels``.
  public var prediction: PredictionMethod
  /// Whether a ranked label's log-likelihood is divided by the number of its tokens.
  public var lengthNormalize: Bool
  public var metrics: [Metric]
  /// How many positive examples of a Super-NaturalInstructions task go into the prompt.
  public var positiveExamples: Int
  /// How many negative examples of a Super-NaturalInstructions task go into the prompt.
  public var negativeExamples: Int
  /// Whether the examples in the prompt bring their explanations.
  public var explanations: Bool
  /// How many examples of the training file are read at most, from its start; nil: all.
  public var maxTrainExamples: Int?
  /// The half of the training examples to use, of those that ``skipLabels`` and ``maxTrainExamples`` leave; nil: all.
  /// Needs ``labels``.
  public var labelSplit: LabelSplit?
  /// How many examples of the test file are read at most, from its start; nil: all.
  public var maxTestExamples: Int?
  /// A factor on the task's share of the mixture, without unit.
  public var weight: Double
  /// What separates columns in `csv` files; nil: a tab in files that end in `.tsv`, else a comma.
  public var delimiter: Character?

  public init(
    name: String, format: TaskFormat, train: URL? = nil, test: URL? = nil, source: String = "{source}",
    sourcePair: String? = nil, target: String = "{target}", labels: [String] = [], skipLabels: [String] = [],
    numLabels: Int? = nil, prediction: PredictionMethod = .generation, lengthNormalize: Bool = false,
    metrics: [Metric] = [.exactMatch, .rougeL], positiveExamples: Int = 2, negativeExamples: Int = 0,
    explanations: Bool = false, maxTrainExamples: Int? = nil, labelSplit: LabelSplit? = nil,
    maxTestExamples: Int? = nil, weight: Double = 1, delimiter: Character? = nil
  ) {
    self.name = name
    self.format = format
    self.train = train
    self.test = test
    (self.source, self.sourcePair) = (source, sourcePair)
    self.target = target
    (self.labels, self.skipLabels, self.numLabels) = (labels, skipLabels, numLabels)
    (self.prediction, self.lengthNormalize) = (prediction, lengthNormalize)
    self.metrics = metrics
    self.positiveExamples = positiveExamples
    self.negativeExamples = negativeExamples
    self.explanations = explanations
    self.maxTrainExamples = maxTrainExamples
    self.labelSplit = labelSplit
    self.maxTestExamples = maxTestExamples
    self.weight = weight
    self.delimiter = delimiter
  }

  /// The file of one split.
  ///
  /// - Throws: ``TaskError/noFile(task:split:)`` if the task names none.
  public func file(_ split: DataSplit) throws -> URL {
    guard let url = split == .train ? train : test else { throw TaskError.noFile(task: name, split: split) }
    return url
  }

  /// The largest number of examples read from one split; nil: all.
  public func exampleLimit(_ split: DataSplit) -> Int? { split == .train ? maxTrainExamples : maxTestExamples }
}
