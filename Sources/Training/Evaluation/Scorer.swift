import Adapters
import Backbones
import Checkpoints
import Foundation
import MessagePassing
import Tasks
import Tensors

/// Losses and logits of given examples: the ranks share them, rank 0 collects and writes.
public final class Scorer {
  /// One example's summed loss, and over how many labels: cross-entropy in nats, or squared error of a number.
  public struct Score: Sendable, Equatable {
    public let lossSum: Double
    public let labelCount: Int
    /// The likeliest class, or the number, of an example that is classified.
    public var prediction: Double?
  }

  /// Examples, and of each its route and the head that classifies it.
  public struct Inputs: Sendable {
    public let examples: [TokenizedExample]
    public let routes: [Int]
    public let heads: [HeadChoice]

    /// - Parameter heads: nil: each is classified, if it is, by the model's own head.
    public init(_ examples: [TokenizedExample], routes: [Int], heads: [HeadChoice]? = nil) {
      (self.examples, self.routes) = (examples, routes)
      self.heads = heads ?? examples.map { _ in .classifier }
    }
  }

  /// Tokens computed together at most, unless a single example has more: bounds the memory of activations.
  static let tokensPerBatch = 4096

  private let model: AdapterModel
  private let objective: Objective
  private let ranks: Ranks

  public init(_ model: AdapterModel, ranks: Ranks) {
    (self.model, self.ranks) = (model, ranks)
    objective = Objective(model)
  }

  private var architecture: Architecture { model.backbone.architecture }

  /// The losses of examples, in their order. Collective; the result is rank 0's, nil on the others.
  ///
  /// - Parameter inputs: Without labels, an example has the loss 0 over 0 labels.
  public func losses(_ inputs: Inputs) throws -> [Score]? {
    let examples = inputs.examples
    let batches = batches(inputs)
    var numbers: [Double] = []
    var batch = PackedBatch()
    for places in stride(from: ranks.rank, to: batches.count, by: ranks.count).map({ batches[$0] }) {
      let classified = places.filter { head($0, of: inputs) != .tokens }
      numbers += classify(classified, of: inputs, &batch)
      let others = places.filter { head($0, of: inputs) == .tokens }
      batch.removeAll()
      pack(others, of: inputs, into: &batch)
      let losses = objective.losses(of: batch)
      for (example, place) in others.enumerated() {
        numbers += [Double(place), losses[example], Double(batch.labels(of: example).count), .nan]
      }
    }
    guard let gathered = try ranks.world.gather(numbers) else { return nil }
    var scores = Array(repeating: Score(lossSum: 0, labelCount: 0), count: examples.count)
    for numbers in gathered {
      for start in stride(from: 0, to: numbers.count, by: 4) {
        scores[Int(numbers[start])] = Score(
          lossSum: numbers[start + 1], labelCount: Int(numbers[start + 2]),
          prediction: numbers[start + 3].isNaN ? nil : numbers[start + 3])
      }
    }
    return scores
  }

  /// Neighbours whose rows are computed together. Of a causal model's examples, what they begin with counts once.
  private func batches(_ inputs: Inputs) -> [Range<Int>] {
    guard architecture == .decoderOnly else {
      let kind = architecture.sequenceKind
      return Self.batches(lengths: inputs.examples.map { $0.tokenCount(kind) }, limit: Self.tokensPerBatch)
    }
    let tree = PrefixTree(
      zip(inputs.examples, inputs.routes).map { PrefixTree.Sequence(route: $1, tokens: $0.inputIds) })
    return tree.runs(limit: Self.tokensPerBatch, readCounts: inputs.examples.map { $0.labelCount(.causal) })
  }

  private func pack(_ places: [Int], of inputs: Inputs, into batch: inout PackedBatch) {
    guard architecture == .decoderOnly else {
      for place in places { batch.append(inputs.examples[place], for: architecture, route: inputs.routes[place]) }
      return
    }
    batch.appendSharing(places.map { (inputs.examples[$0], inputs.routes[$0], ordinal: 0) })
  }

  /// Place, loss, labels and prediction of each example, end to end.
  private func classify(_ places: [Int], of inputs: Inputs, _ batch: inout PackedBatch) -> [Double] {
    guard !places.isEmpty else { return [] }
    batch.removeAll()
    for place in places {
      var example = inputs.examples[place]
      // Any label will do where there is none: its loss is left out.
      example.label = example.label ?? 0
      batch.append(example, for: architecture, route: inputs.routes[place], head: inputs.heads[place])
    }
    return zip(places, objective.classify(batch)).flatMap { place, result in
      let hasLabel = inputs.examples[place].label != nil
      let prediction = ClassifiedAnswers.label(result.logits)
      return [Double(place), hasLabel ? result.loss : 0, hasLabel ? 1 : 0, prediction]
    }
  }

  /// Writes the logits at every position of each example as `logits.<i>`, (positions, vocabulary), or of its classes,
  /// (classes). Collective.
  ///
  /// The positions are those of the input or, in an encoder-decoder model, of the labels.
  /// One example a rank is held in memory at a time.
  ///
  /// - Throws: `FileError` on rank 0 when the file cannot be written; `MPIError`.
  public func writeLogits(_ inputs: Inputs, to url: URL) throws {
    let names = inputs.examples.indices.map { "logits.\($0)" }
    // In the order of the file, each turn one example a rank.
    let order = SafetensorsWriter.order(of: names)
    func turn(_ start: Int) throws -> [[Float]]? {
      let place = start + ranks.rank
      return try ranks.world.gather(place < order.count ? logits(order[place], of: inputs) : [])
    }
    let turns = stride(from: 0, to: order.count, by: ranks.count)
    guard ranks.isMain else {
      for start in turns { _ = try turn(start) }
      return
    }
    let shapes = names.enumerated().map { (name: $1, shape: logitsShape($0, of: inputs)) }
    try SafetensorsWriter.write(to: url, shapes: shapes) { append in
      for start in turns {
        for values in try turn(start) ?? [] { try values.withUnsafeBufferPointer(append) }
      }
    }
  }

  private func head(_ place: Int, of inputs: Inputs) -> HeadChoice {
    guard architecture == .encoderOnly, inputs.examples[place].labels.isEmpty else { return .tokens }
    return inputs.heads[place]
  }

  private func logitsShape(_ place: Int, of inputs: Inputs) -> [Int] {
    let head = head(place, of: inputs), example = inputs.examples[place]
    let outputs = model.head(head)?.outputCount ?? 0
    if head != .tokens { return [outputs] }
    if case .encoderDecoder = architecture { return [example.labels.count, outputs] }
    return [example.inputIds.count, outputs]
  }

  /// Whether the model has the head that an example is judged by.
  public func hasLogits(_ place: Int, of inputs: Inputs) -> Bool { model.head(head(place, of: inputs)) != nil }

  /// The logits of one example, as ``writeLogits(_:to:)`` writes them. Not collective.
  public func logits(_ place: Int, of inputs: Inputs) -> [Float] {
    var batch = PackedBatch()
    batch.appendEveryPosition(
      inputs.examples[place], for: architecture, route: inputs.routes[place], head: head(place, of: inputs))
    return objective.withLogits(of: batch) { Array($0.elements) }
  }

  /// Neighbours put together while their tokens stay within `limit`.
  static func batches(lengths: [Int], limit: Int) -> [Range<Int>] {
    var batches: [Range<Int>] = []
    var tokens = 0
    for (place, length) in lengths.enumerated() {
      if let last = batches.last, tokens + length <= limit {
        batches[batches.count - 1] = last.lowerBound..<place + 1
        tokens += length
      } else {
        batches.append(place..<place + 1)
        tokens = length
      }
    }
    return batches
  }
}
