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
  /// The training file; a run that only evaluates needs none.
  public var train: URL?
  /// The test file; a run that only trains needs none.
  public var test: URL?
  /// How files become prompts and answers.
  public var prompt: PromptOptions
  /// Outputs of a classification head of the task's own, 1 for a number; nil: the model's own head classifies.
  public var numLabels: Int?
  /// How test examples are answered; ranking needs the prompt's labels.
  public var prediction = PredictionMethod.generation
  /// Whether a ranked label's log-likelihood is divided by the number of its tokens.
  public var lengthNormalize = false
  public var metrics: [Metric] = [.exactMatch, .rougeL]
  /// A factor on the task's share of the mixture, without unit.
  public var weight = 1.0

  public init(name: String, train: URL? = nil, test: URL? = nil, prompt: PromptOptions) {
    (self.name, self.train, self.test, self.prompt) = (name, train, test, prompt)
  }

  /// The file of one split.
  ///
  /// - Throws: ``TaskError/noFile(task:split:)`` if the task names none.
  public func file(_ split: DataSplit) throws -> URL {
    guard let url = split == .train ? train : test else { throw TaskError.noFile(task: name, split: split) }
    return url
  }
}
