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
    /// Examples that one rank answers together.
    public var batchSize: Int

    public init(maximumNewTokens: Int, batchSize: Int) {
      (self.maximumNewTokens, self.batchSize) = (maximumNewTokens, batchSize)
    }
  }

  /// What answers each test set.
  private let sources: [any AnswerSource]
  private let tasks: TaskAssembly
  private let options: Options
  private let ranks: Ranks

  /// Fails where answers are texts and there is no tokenizer.
  public init?(
    _ model: AdapterModel, objective: Objective? = nil, tokenizer: Tokenizer?, tasks: TaskAssembly, options: Options,
    ranks: Ranks
  ) {
    let objective = objective ?? Objective(model)
    let architecture = model.backbone.architecture
    if architecture == .encoderOnly {
      sources = tasks.testing.map { task, _ in
        ClassifiedAnswers(objective, labels: tasks.specifications[task].prompt.labels)
      }
    } else {
      guard let tokenizer else { return nil }
      let generated = GeneratedAnswers(
        Generator(model), objective: objective, tokenizer: tokenizer, limits: tasks.tokenizer.options,
        maximumNewTokens: options.maximumNewTokens)
      sources = tasks.testing.map { task, _ in
        guard let candidates = tasks.candidates[task] else { return generated }
        let specification = tasks.specifications[task]
        return RankedAnswers(
          objective, architecture: architecture, labels: specification.prompt.labels, candidates: candidates,
          normalizesLength: specification.lengthNormalize)
      }
    }
    (self.tasks, self.options, self.ranks) = (tasks, options, ranks)
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
    let batches = batches()
    var lines: [UInt8] = []
    for batch in stride(from: ranks.rank, to: batches.count, by: ranks.count) {
      if StopSignal.isSet { break }
      try answer(batches[batch], into: &lines)
      progress(Double(batch + 1) / Double(batches.count))
    }
    let stopped = try ranks.world.allReduce(StopSignal.isSet ? Int32(1) : 0, .max) > 0
    let gathered = try ranks.world.gather(lines, to: 0)
    guard let gathered, !stopped else { return nil }
    return try score(gathered)
  }

  /// Every test example, those of one source together, longest prompts first, so that a batch's sequences are alike.
  private func batches() -> [[Item]] {
    let items = tasks.testing.indices.flatMap { set in
      (0..<tasks.testing[set].examples.count).map { index in
        let length = tasks.testing[set].examples[index].promptLength
        return Item(set: set, index: index, length: min(length, promptRoom))
      }
    }.sorted { ($1.length, $0.set, $0.index) < ($0.length, $1.set, $1.index) }
    let groups = sources.indices.filter { set in !sources[..<set].contains { $0 === sources[set] } }
    return groups.flatMap { first in
      let own = items.filter { sources[$0.set] === sources[first] }
      return stride(from: 0, to: own.count, by: options.batchSize).map {
        Array(own[$0..<min($0 + options.batchSize, own.count)])
      }
    }
  }

  /// A line as it travels to rank 0.
  private struct Line: Codable {
    let set, index: Int
    let answer: TestAnswer
  }

  private func answer(_ items: [Item], into lines: inout [UInt8]) throws {
    let questions = items.map { item in
      let testing = tasks.testing[item.set]
      let example = testing.examples[item.index]
      return TestQuestion(
        example: example, route: tasks.routes.route(of: example, task: testing.task),
        head: tasks.routes.head(of: example, task: testing.task))
    }
    for (item, answer) in zip(items, sources[items[0].set].answers(to: questions)) {
      lines += try JSONEncoder().encode(Line(set: item.set, index: item.index, answer: answer)) + [UInt8(ascii: "\n")]
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
    Evaluator.Options(maximumNewTokens: maxNewTokens, batchSize: evalBatchSize)
  }
}

extension LabelValue {
  /// A place among classes, by its name, or a number where there are none.
  fileprivate init(_ value: Double, among places: [String]) {
    self = places.isEmpty ? .number(value) : .name(TokenizedExample.text(ofLabel: value))
  }
}
