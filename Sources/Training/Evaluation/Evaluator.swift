import Adapters
import Foundation
import MessagePassing
import Tasks
import Tokenizers

/// Scores test sets: the ranks share the examples, each task's ``AnswerSource`` answers them, rank 0 collects and
/// scores.
public final class Evaluator {
  /// How test examples are answered.
  public struct Options: Sendable {
    /// Tokens generated for an answer at most.
    public var maximumNewTokens: Int
    /// Examples that one rank answers side by side at most; nil: as many as memory and model make worth it.
    public var batchSize: Int?
    /// Whether what several prompts begin with is computed once, where the model allows it.
    public var sharesPrefixes: Bool

    public init(maximumNewTokens: Int, batchSize: Int? = nil, sharesPrefixes: Bool = true) {
      (self.maximumNewTokens, self.batchSize) = (maximumNewTokens, batchSize)
      self.sharesPrefixes = sharesPrefixes
    }
  }

  /// What answers each test set.
  private let sources: [any AnswerSource]
  private let tasks: TaskAssembly
  private let ranks: Ranks

  /// Fails where answers are texts and there is no tokenizer.
  public init?(
    _ model: AdapterModel, objective: Objective? = nil, tokenizer: Tokenizer?, tasks: TaskAssembly, options: Options,
    ranks: Ranks
  ) {
    if model.backbone.architecture == .encoderOnly {
      let objective = objective ?? Objective(model)
      sources = tasks.testing.map { task, _ in
        ClassifiedAnswers(
          objective, labels: tasks.specifications[task].prompt.labels, batchSize: options.batchSize)
      }
    } else {
      guard let tokenizer else { return nil }
      let generator = Generator(model)
      let generated = GeneratedAnswers(
        generator, tokenizer: tokenizer, limits: tasks.tokenizer.options, options: options)
      sources = tasks.testing.map { task, _ in
        guard let candidates = tasks.candidates[task] else { return generated }
        let specification = tasks.specifications[task]
        return RankedAnswers(
          generator, labels: specification.prompt.labels, candidates: candidates,
          normalizesLength: specification.lengthNormalize, options: options)
      }
    }
    (self.tasks, self.ranks) = (tasks, ranks)
  }

  /// What the user should know before the test sets are answered.
  public var notes: [String] {
    tasks.testing.flatMap { task, examples in
      let specification = tasks.specifications[task], place = "\(specification.name) (test)"
      let cut = (0..<examples.count).count { examples[$0].promptLength > promptRoom }
      var notes: [String] = []
      if cut > 0 {
        notes.append(
          "\(place): \(cut) of \(examples.count) prompts are cut to \(promptRoom) tokens, since max_seq_length leaves "
            + "no more beside max_target_length")
      }
      if specification.prediction == .rankClassification {
        notes.append(
          "\(place): the answer is the likeliest of \(specification.prompt.labels.count) labels"
            + (specification.lengthNormalize ? " by token" : ""))
      }
      return notes
    }
  }

  /// The test sets' tasks and the names of their scores, in the order of results. A score that the answers leave
  /// undefined, such as a correlation with equal numbers, is missing there.
  public var measures: [(task: String, scores: [String])] {
    zip(tasks.testing, sources).map { testing, source in
      let specification = tasks.specifications[testing.task]
      return (specification.name, specification.metrics.map(\.rawValue) + [source.lossMeasure(0).name])
    }
  }

  private var promptRoom: Int { tasks.tokenizer.options.promptRoom }

  /// A test example's place: which test set, which example.
  private struct Item {
    let set: Int
    let index: Int
    let length: Int
  }

  /// Collective. The result is rank 0's; nil on the others, and everywhere when the job was asked to stop meanwhile.
  ///
  /// - Parameter progress: Called on rank 0 with the share of its own examples that are done.
  public func run(progress: (Double) -> Void = { _ in }) throws -> Result? {
    Activity.begin(.evaluating)
    let groups = groups(), total = groups.reduce(0) { $0 + $1.count }
    var lines: [UInt8] = []
    var shareCount = 0, doneCount = 0
    for items in groups {
      let shares = sources[items[0].set].shares(of: items.map(question))
      for share in 0..<shares.count where (shareCount + share) % ranks.count == ranks.rank {
        if StopSignal.isSet { break }
        try append(shares.answer(share), of: items, to: &lines)
        let done = Double(doneCount) + Double(items.count) * Double(share + 1) / Double(shares.count)
        progress(done / Double(total))
      }
      shareCount += shares.count
      doneCount += items.count
    }
    let stopped = try ranks.world.allReduce(StopSignal.isSet ? Int32(1) : 0, .max) > 0
    let gathered = try ranks.world.gather(lines, to: 0)
    guard let gathered, !stopped else { return nil }
    return try score(gathered)
  }

  /// Every test example, those of one source together, longest prompts first.
  private func groups() -> [[Item]] {
    let items = tasks.testing.indices.flatMap { set in
      (0..<tasks.testing[set].examples.count).map { index in
        let length = tasks.testing[set].examples[index].promptLength
        return Item(set: set, index: index, length: min(length, promptRoom))
      }
    }.sorted { ($1.length, $0.set, $0.index) < ($0.length, $1.set, $1.index) }
    let firsts = sources.indices.filter { set in !sources[..<set].contains { $0 === sources[set] } }
    return firsts.map { first in items.filter { sources[$0.set] === sources[first] } }.filter { !$0.isEmpty }
  }

  private func question(_ item: Item) -> TestQuestion {
    let testing = tasks.testing[item.set], example = testing.examples[item.index]
    return TestQuestion(
      example: example, route: tasks.routes.route(of: example, task: testing.task),
      head: tasks.routes.head(of: example, task: testing.task))
  }

  /// A line as it travels to rank 0.
  private struct Line: Codable {
    let set, index: Int
    let answer: TestAnswer
  }

  private func append(_ answers: [AnswerShares.Placed], of items: [Item], to lines: inout [UInt8]) throws {
    for (place, answer) in answers {
      let line = Line(set: items[place].set, index: items[place].index, answer: answer)
      lines += try JSONEncoder().encode(line) + [UInt8(ascii: "\n")]
    }
  }

  private func score(_ gathered: [[UInt8]]) throws -> Result {
    let lines = try gathered.flatMap { try $0.split(separator: UInt8(ascii: "\n")).map(decode) }
    let sorted = lines.sorted { ($0.set, $0.index) < ($1.set, $1.index) }
    var predictions: [Prediction] = []
    var records: [EvaluationRecord.Task] = []
    for (set, testing) in tasks.testing.enumerated() {
      let specification = tasks.specifications[testing.task]
      let labels = specification.prompt.labels, places = labels.indices.map(String.init)
      let areTexts = sources[set].answersAreTexts
      var metrics = MetricAccumulator(
        metrics: specification.metrics, classes: areTexts ? labels : places, matchesLabels: !areTexts)
      var loss = 0.0, labelCount = 0
      for line in sorted where line.set == set {
        let (example, answer) = (testing.examples[line.index], line.answer)
        let references = sources[set].references(of: example)
        if let found = answer.label, let own = sources[set].label(of: example) {
          metrics.add(prediction: LabelValue(found, among: places), label: LabelValue(own, among: places))
        } else {
          metrics.add(prediction: answer.text, references: references)
        }
        loss += answer.lossSum ?? .nan
        labelCount += answer.labelCount
        predictions.append(
          Prediction(
            task: specification.name, id: example.id, prediction: answer.text, references: references,
            lossSum: answer.lossSum, labelCount: answer.labelCount, labelScores: answer.labelScores))
      }
      let results = metrics.results()
      records.append(
        .init(
          name: specification.name,
          scores: specification.metrics.compactMap { metric in
            results[metric].map { NamedValue(metric.rawValue, 100 * $0) }
          } + [sources[set].lossMeasure(loss / Double(labelCount))]))
    }
    return Result(tasks: records, predictions: predictions)
  }

  private func decode(_ line: ArraySlice<UInt8>) throws -> Line {
    try JSONDecoder().decode(Line.self, from: Data(line))
  }
}

extension Recipe {
  /// How this recipe's test sets are answered.
  public var evaluationOptions: Evaluator.Options {
    Evaluator.Options(
      maximumNewTokens: maxNewTokens, batchSize: evalBatchSize, sharesPrefixes: sharePrefixes != .never)
  }
}

extension LabelValue {
  /// A place among classes, by its name, or a number where there are none.
  fileprivate init(_ value: Double, among places: [String]) {
    self = places.isEmpty ? .number(value) : .name(TokenizedExample.text(ofLabel: value))
  }
}
