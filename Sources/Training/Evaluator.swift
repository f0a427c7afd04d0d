import Adapters
import Backbones
import Foundation
import MessagePassing
import Tasks
import Tokenizers

/// Scores test sets by generation: the ranks share the examples, rank 0 collects and scores.
public final class Evaluator {
  /// One generated answer and what it is measured against.
  public struct Prediction: Codable, Sendable {
    public let task: String
    public let id: String
    public let prediction: String
    public let references: [String]
    /// Summed cross-entropy of the test set's own answer, in nats, over `labelCount` tokens; nil if it is not finite.
    public let lossSum: Double?
    public let labelCount: Int

    enum CodingKeys: String, CodingKey {
      case task, id, prediction, references
      case lossSum = "loss_sum"
      case labelCount = "label_count"
    }
  }

  /// The scores of every task, and every answer in the order of the test sets.
  public struct Result: Sendable {
    public let tasks: [EvaluationRecord.Task]
    public let predictions: [Prediction]
  }

  /// How answers are generated.
  public struct Options: Sendable {
    public var maximumNewTokens: Int
    public var maximumLength: Int
    public var batchSize: Int

    public init(maximumNewTokens: Int, maximumLength: Int, batchSize: Int) {
      (self.maximumNewTokens, self.maximumLength, self.batchSize) = (maximumNewTokens, maximumLength, batchSize)
    }
  }

  private let generator: Generator
  private let architecture: Architecture
  private let objective: Objective
  private let tokenizer: Tokenizer
  private let tasks: TaskAssembly
  private let options: Options
  private let ranks: Ranks

  public init(
    _ model: AdapterModel, objective: Objective? = nil, tokenizer: Tokenizer, tasks: TaskAssembly, options: Options,
    ranks: Ranks
  ) {
    generator = Generator(model)
    architecture = model.backbone.architecture
    self.objective = objective ?? Objective(model)
    (self.tokenizer, self.tasks, self.options, self.ranks) = (tokenizer, tasks, options, ranks)
  }

  /// What the user should know before the test sets are decoded.
  public var notes: [String] {
    tasks.testing.compactMap { task, examples in
      let cut = (0..<examples.count).count { examples[$0].promptLength > promptRoom }
      return cut == 0
        ? nil
        : "\(tasks.specifications[task].name) (test): \(cut) of \(examples.count) prompts are cut to \(promptRoom) "
          + "tokens, since max_seq_length leaves no more beside max_new_tokens"
    }
  }

  /// The tokens that a prompt may have, so that in one sequence the longest answer fits behind it.
  private var promptRoom: Int {
    architecture == .decoderOnly ? options.maximumLength - options.maximumNewTokens : options.maximumLength
  }

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
    let items = sortedItems()
    let batches = stride(from: 0, to: items.count, by: options.batchSize).map {
      items[$0..<min($0 + options.batchSize, items.count)]
    }
    var lines: [UInt8] = []
    for batch in stride(from: ranks.rank, to: batches.count, by: ranks.count) {
      if StopSignal.isSet { break }
      try answer(Array(batches[batch]), into: &lines)
      progress(Double(batch + 1) / Double(batches.count))
    }
    let stopped = try ranks.world.allReduce(StopSignal.isSet ? Int32(1) : 0, .max) > 0
    let gathered = try ranks.world.gather(lines, to: 0)
    guard let gathered, !stopped else { return nil }
    return try score(gathered)
  }

  /// Every test example, longest prompts first, so that a batch's sequences are alike.
  private func sortedItems() -> [Item] {
    tasks.testing.enumerated().flatMap { set, testing in
      (0..<testing.examples.count).map { Item(set: set, index: $0, length: prompt(set, $0).count) }
    }.sorted { ($1.length, $0.set, $0.index) < ($0.length, $1.set, $1.index) }
  }

  private func prompt(_ set: Int, _ index: Int) -> ArraySlice<Int32> {
    tasks.testing[set].examples[index].prompt(maximumLength: promptRoom)
  }

  /// A line as it travels to rank 0.
  private struct Answer: Codable {
    let set, index: Int
    let text: String
    /// nil if it is not finite, which JSON cannot say.
    let lossSum: Double?
    let labelCount: Int
  }

  private func answer(_ items: [Item], into lines: inout [UInt8]) throws {
    let routes = items.map {
      tasks.routes.route(of: tasks.testing[$0.set].examples[$0.index], task: tasks.testing[$0.set].task)
    }
    let answers = generator.greedy(
      prompts: items.map { Array(prompt($0.set, $0.index)) }, tasks: routes, maximumCount: options.maximumNewTokens,
      endId: tokenizer.endOfTextId)
    var batch = PackedBatch()
    for (item, route) in zip(items, routes) {
      batch.append(tasks.testing[item.set].examples[item.index], for: architecture, task: route)
    }
    let losses = objective.losses(of: batch)
    for (place, item) in items.enumerated() {
      let line = Answer(
        set: item.set, index: item.index, text: tokenizer.decode(answers[place], skipSpecialTokens: true),
        lossSum: losses[place].isFinite ? losses[place] : nil,
        labelCount: batch.labelStarts[place + 1] - batch.labelStarts[place])
      lines += try JSONEncoder().encode(line) + [UInt8(ascii: "\n")]
    }
  }

  private func score(_ gathered: [[UInt8]]) throws -> Result {
    let answers = try gathered.flatMap { try $0.split(separator: UInt8(ascii: "\n")).map(decode) }
    let sorted = answers.sorted { ($0.set, $0.index) < ($1.set, $1.index) }
    var predictions: [Prediction] = []
    var records: [EvaluationRecord.Task] = []
    for (set, testing) in tasks.testing.enumerated() {
      let specification = tasks.specifications[testing.task]
      var metrics = MetricAccumulator(metrics: specification.metrics, classes: specification.labels)
      var loss = 0.0, labels = 0
      for answer in sorted where answer.set == set {
        let example = testing.examples[answer.index]
        _ = metrics.add(prediction: answer.text, references: example.references)
        loss += answer.lossSum ?? .nan
        labels += answer.labelCount
        predictions.append(
          Prediction(
            task: specification.name, id: example.id, prediction: answer.text, references: example.references,
            lossSum: answer.lossSum, labelCount: answer.labelCount))
      }
      let results = metrics.results()
      records.append(
        .init(
          name: specification.name,
          scores: specification.metrics.compactMap { metric in
            results[metric].map { NamedValue(metric.rawValue, 100 * $0) }
          } + [NamedValue("perplexity", exp(loss / Double(labels)))]))
    }
    return Result(tasks: records, predictions: predictions)
  }

  private func decode(_ line: ArraySlice<UInt8>) throws -> Answer {
    try JSONDecoder().decode(Answer.self, from: Data(line))
  }
}
