import Adapters
import Backbones
import Tensors

/// Sums over some label tokens, per task: what ranks add up and divide once.
public struct LossSums: Sendable, Equatable, Codable {
  /// Summed cross-entropy of each task's label tokens, in nats.
  public var losses: [Double]
  /// Label tokens of each task.
  public var counts: [Double]

  public init(taskCount: Int) {
    losses = Array(repeating: 0, count: taskCount)
    counts = Array(repeating: 0, count: taskCount)
  }

  /// Adds the sums of other label tokens, of as many tasks.
  public mutating func add(_ other: LossSums) {
    for task in losses.indices {
      losses[task] += other.losses[task]
      counts[task] += other.counts[task]
    }
  }

  public var lossSum: Double { losses.reduce(0, +) }
  public var labelCount: Double { counts.reduce(0, +) }
  /// The mean over every label token; NaN without any.
  public var mean: Double { lossSum / labelCount }
}

/// The training objective on one packed batch: summed cross-entropy at the label positions, and its gradient.
///
///     L = Σ -log softmax(h E^T)[label]        over the label rows alone
public final class Objective {
  private let model: AdapterModel
  private let saved = Workspace()
  private let scratch = Workspace()
  private var losses: [Double] = []
  /// Time spent in each part of a pass.
  public let phases: PhaseTimer

  public init(_ model: AdapterModel, phases: PhaseTimer = PhaseTimer()) {
    self.model = model
    self.phases = phases
  }

  /// Adds the gradient of the batch's summed loss to the model's gradient buffer, and the losses to `sums`.
  ///
  /// - Parameters:
  ///   - randomKey: Key of dropout and noise.
  ///   - tasks: Which task's losses each sequence counts among; nil: those of the task that routes it.
  public func addGradient(
    of batch: PackedBatch, randomKey: RandomKey, countedAs tasks: [Int]? = nil, to sums: inout LossSums
  ) {
    guard batch.labelCount > 0 else { return }
    let pass = makePass(batch, randomKey: randomKey, keepsActivations: true)
    let hidden = phases.measure(.forward) { model.backbone.forward(batch, pass) }
    let dHidden = saved.matrix(hidden.rows, hidden.columns)
    phases.measure(.logits) { crossEntropy(hidden, batch, dHidden: dHidden) }
    phases.measure(.backward) { model.backbone.backward(dHidden, batch, pass) }
    add(batch, countedAs: tasks ?? batch.tasks, to: &sums)
    reset()
  }

  /// Runs the batch through the model as training does, for what its routers count.
  public func countRouting(of batch: PackedBatch, randomKey: RandomKey) {
    guard batch.labelCount > 0 else { return }
    _ = model.backbone.forward(batch, makePass(batch, randomKey: randomKey, keepsActivations: false))
    reset()
  }

  /// Each sequence's summed loss, without noise and without gradients.
  public func losses(of batch: PackedBatch) -> [Double] {
    guard batch.labelCount > 0 else { return Array(repeating: 0, count: batch.sequenceCount) }
    let pass = makePass(batch, randomKey: nil, keepsActivations: false)
    crossEntropy(model.backbone.forward(batch, pass), batch, dHidden: nil)
    reset()
    return (0..<batch.sequenceCount).map { losses[batch.labelStarts[$0]..<batch.labelStarts[$0 + 1]].reduce(0, +) }
  }

  /// The logits at the batch's label rows, passed to `body` before the memory is reused. Shape: (labels, vocabulary).
  public func withLogits<Result>(of batch: PackedBatch, _ body: (Matrix) throws -> Result) rethrows -> Result {
    let pass = makePass(batch, randomKey: nil, keepsActivations: false)
    let hidden = model.backbone.forward(batch, pass)
    let logits = saved.matrix(hidden.rows, model.backbone.head.vocabularySize)
    model.backbone.head.logits(hidden, into: logits)
    defer { reset() }
    return try body(logits)
  }

  private func crossEntropy(_ hidden: Matrix, _ batch: PackedBatch, dHidden: Matrix?) {
    losses = Array(repeating: 0, count: batch.labelCount)
    losses.withUnsafeMutableBufferPointer {
      model.backbone.head.crossEntropy(hidden, labels: batch.labels, losses: $0, dh: dHidden, scratch: scratch)
    }
  }

  private func add(_ batch: PackedBatch, countedAs tasks: [Int], to sums: inout LossSums) {
    for sequence in 0..<batch.sequenceCount {
      let rows = batch.labelStarts[sequence]..<batch.labelStarts[sequence + 1]
      sums.losses[tasks[sequence]] += losses[rows].reduce(0, +)
      sums.counts[tasks[sequence]] += Double(rows.count)
    }
  }

  private func makePass(_ batch: PackedBatch, randomKey: RandomKey?, keepsActivations: Bool) -> Pass {
    Pass(
      starts: batch.starts, tasks: batch.tasks, ordinals: batch.ordinals, randomKey: randomKey,
      keepsActivations: keepsActivations, saved: saved, scratch: scratch)
  }

  private func reset() {
    saved.reset()
    scratch.reset()
  }
}
