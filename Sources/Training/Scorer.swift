import Adapters
import Backbones
import Checkpoints
import Foundation
import MessagePassing
import Tasks
import Tensors

/// Losses and logits of given examples: the ranks share them, rank 0 collects and writes.
public final class Scorer {
  /// One example's summed cross-entropy in nats, and over how many labels.
  public struct Score: Sendable, Equatable {
    public let lossSum: Double
    public let labelCount: Int
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
  /// - Parameters:
  ///   - examples: Without labels, an example has the loss 0 over 0 labels.
  ///   - tasks: Each example's task.
  public func losses(_ examples: [TokenizedExample], tasks: [Int]) throws -> [Score]? {
    let kind = architecture.sequenceKind
    let batches = Self.batches(lengths: examples.map { $0.tokenCount(kind) }, limit: Self.tokensPerBatch)
    var numbers: [Double] = []
    var batch = PackedBatch()
    for places in stride(from: ranks.rank, to: batches.count, by: ranks.count).map({ batches[$0] }) {
      batch.removeAll()
      for place in places { batch.append(examples[place], for: architecture, task: tasks[place]) }
      let losses = objective.losses(of: batch)
      for (sequence, place) in places.enumerated() {
        let count = batch.labelStarts[sequence + 1] - batch.labelStarts[sequence]
        numbers += [Double(place), losses[sequence], Double(count)]
      }
    }
    guard let gathered = try ranks.world.gather(numbers) else { return nil }
    var scores = Array(repeating: Score(lossSum: 0, labelCount: 0), count: examples.count)
    for numbers in gathered {
      for start in stride(from: 0, to: numbers.count, by: 3) {
        scores[Int(numbers[start])] = Score(lossSum: numbers[start + 1], labelCount: Int(numbers[start + 2]))
      }
    }
    return scores
  }

  /// Writes the logits at every position of each example as `logits.<i>`, (positions, vocabulary). Collective.
  ///
  /// The positions are those of the input or, in an encoder-decoder model, of the labels.
  /// One example a rank is held in memory at a time.
  ///
  /// - Throws: `FileError` on rank 0 when the file cannot be written; `MPIError`.
  public func writeLogits(_ examples: [TokenizedExample], tasks: [Int], to url: URL) throws {
    let vocabulary = model.backbone.head.vocabularySize
    let names = examples.indices.map { "logits.\($0)" }
    // In the order of the file, each turn one example a rank.
    let order = SafetensorsWriter.order(of: names)
    func turn(_ start: Int) throws -> [[Float]]? {
      let place = start + ranks.rank
      return try ranks.world.gather(place < order.count ? logits(examples[order[place]], tasks[order[place]]) : [])
    }
    let turns = stride(from: 0, to: order.count, by: ranks.count)
    guard ranks.isMain else {
      for start in turns { _ = try turn(start) }
      return
    }
    let shapes = zip(names, examples).map { (name: $0, shape: [positionCount(of: $1), vocabulary]) }
    try SafetensorsWriter.write(to: url, shapes: shapes) { append in
      for start in turns {
        for values in try turn(start) ?? [] { try values.withUnsafeBufferPointer(append) }
      }
    }
  }

  private func positionCount(of example: TokenizedExample) -> Int {
    architecture == .decoderOnly ? example.inputIds.count : example.labels.count
  }

  private func logits(_ example: TokenizedExample, _ task: Int) -> [Float] {
    var batch = PackedBatch()
    batch.appendEveryPosition(example, for: architecture, task: task)
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
