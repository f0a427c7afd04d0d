import Adapters
import Backbones
import Tensors

/// The training objective on one packed batch: the summed loss at the label positions, and its gradient.
///
///     L = Σ -log softmax(head(h))[label]        over the label rows alone; squared errors where a head gives a number
public final class Objective {
  private let model: AdapterModel
  /// Whether a gradient keeps the inputs of the backbone's layers alone, and computes the layers again.
  private let isCheckpointed: Bool
  private let saved = Workspace()
  private let scratch = Workspace()
  private var losses: [Double] = []
  private let phases: PhaseTimer?

  /// - Parameters:
  ///   - isCheckpointed: Less memory for more time: activations are computed again, to the same bits.
  ///   - phases: Measures the parts of a pass; nil: nobody does.
  public init(_ model: AdapterModel, isCheckpointed: Bool = false, phases: PhaseTimer? = nil) {
    (self.model, self.isCheckpointed) = (model, isCheckpointed)
    self.phases = phases
  }

  /// Adds the gradient of the batch's summed loss to the model's gradient buffer, and the losses to `sums`.
  ///
  /// - Parameters:
  ///   - randomKey: Key of dropout and noise.
  ///   - accounts: Where each example's loss is counted; nil: by what routes it.
  ///   - completed: Called with maps to whose gradients this batch adds nothing any more.
  public func addGradient(
    of batch: PackedBatch, randomKey: RandomKey, accounts: [Int]? = nil, to sums: inout LossSums,
    completed: (([Linear]) -> Void)? = nil
  ) {
    guard batch.labelCount > 0 else { return }
    let pass = makePass(batch, randomKey: randomKey, keepsActivations: true, completed: completed)
    let hidden = forward(batch, pass)
    let dHidden = saved.matrix(hidden.rows, hidden.columns)
    measureLosses(hidden, batch, pass, dHidden: dHidden)
    pass.measure(.norms) { pass.backward { model.backbone.backward(dHidden, batch, pass) } }
    add(batch, accounts: accounts ?? batch.labelRows.segments.map(\.route), to: &sums)
    reset()
  }

  /// Runs the batch through the model as training does, for what its routers count.
  public func countRouting(of batch: PackedBatch, randomKey: RandomKey) {
    guard batch.labelCount > 0 else { return }
    let pass = makePass(batch, randomKey: randomKey, keepsActivations: false)
    let hidden = forward(batch, pass)
    // A head may route tokens too: BERT's pooler.
    if model.backbone.architecture == .encoderOnly { measureLosses(hidden, batch, pass, dHidden: nil) }
    reset()
  }

  /// Each example's summed loss, without noise and without gradients.
  public func losses(of batch: PackedBatch) -> [Double] {
    guard batch.labelCount > 0 else { return Array(repeating: 0, count: batch.exampleCount) }
    let pass = makePass(batch, randomKey: nil, keepsActivations: false)
    measureLosses(forward(batch, pass), batch, pass, dHidden: nil)
    reset()
    return (0..<batch.exampleCount).map { losses[batch.labels(of: $0)].reduce(0, +) }
  }

  /// The logits at the label rows of a batch whose examples all have one head, passed to `body` before the memory is
  /// reused. Shape: (labels, outputs).
  public func withLogits<Result>(of batch: PackedBatch, _ body: (Matrix) throws -> Result) rethrows -> Result {
    let pass = makePass(batch, randomKey: nil, keepsActivations: false)
    let hidden = forward(batch, pass), head = head(batch.heads.first ?? .tokens)
    let logits = saved.matrix(hidden.rows, head.outputCount)
    head.logits(hidden, into: logits, pass.over(batch.labelRows))
    defer { reset() }
    return try body(logits)
  }

  /// The logits of each example's label row, and its loss; for a batch of examples that are classified.
  public func classify(_ batch: PackedBatch) -> [(logits: [Float], loss: Double)] {
    let pass = makePass(batch, randomKey: nil, keepsActivations: false)
    let hidden = forward(batch, pass)
    measureLosses(hidden, batch, pass, dHidden: nil)
    var logits: [[Float]] = []
    forEachHead(batch, pass) { head, rows, pass in
      let values = scratch.matrix(rows.count, head.outputCount)
      head.logits(hidden.rows(rows), into: values, pass)
      logits += (0..<rows.count).map { values.rows($0..<$0 + 1).array() }
    }
    let results = zip(logits, losses).map { (logits: $0, loss: $1) }
    reset()
    return results
  }

  /// Bytes that activations took, and a layer's short-lived values, in the largest pass so far.
  public var peakByteCounts: (saved: Int, scratch: Int) { (saved.peakByteCount, scratch.peakByteCount) }

  /// The hidden states that heads read. What is no map, attention, adapter or embedding of a backbone is its norms and
  /// activations.
  private func forward(_ batch: PackedBatch, _ pass: Pass) -> Matrix {
    pass.measure(.norms) { model.backbone.forward(batch, pass) }
  }

  private func head(_ choice: HeadChoice) -> any OutputHead {
    guard let head = model.head(choice) else { preconditionFailure("the model has no head \(choice)") }
    return head
  }

  /// Calls `body` for each head and the label rows of neighbouring examples that it reads, with the pass over them.
  private func forEachHead(
    _ batch: PackedBatch, _ pass: Pass, _ body: (_ head: any OutputHead, _ rows: Range<Int>, _ pass: Pass) -> Void
  ) {
    var first = 0
    while first < batch.exampleCount {
      let choice = batch.heads[first]
      let end = batch.heads[first...].firstIndex { $0 != choice } ?? batch.exampleCount
      let rows = batch.labels(of: first).lowerBound..<batch.labels(of: end - 1).upperBound
      if !rows.isEmpty { body(head(choice), rows, pass.over(batch.labelRows.segments(first..<end))) }
      first = end
    }
  }

  /// Sets the label rows' losses.
  private func measureLosses(_ hidden: Matrix, _ batch: PackedBatch, _ pass: Pass, dHidden: Matrix?) {
    losses = Array(repeating: 0, count: batch.labelCount)
    losses.withUnsafeMutableBufferPointer { losses in
      forEachHead(batch, pass) { head, rows, pass in
        let truth = Truth(classes: batch.labels[rows], numbers: batch.targets[rows])
        pass.measure(.head) {
          head.loss(
            hidden.rows(rows), truth, losses: UnsafeMutableBufferPointer(rebasing: losses[rows]),
            dh: dHidden?.rows(rows), pass)
        }
      }
    }
  }

  private func add(_ batch: PackedBatch, accounts: [Int], to sums: inout LossSums) {
    for example in 0..<batch.exampleCount {
      let rows = batch.labels(of: example)
      sums.losses[accounts[example]] += losses[rows].reduce(0, +)
      sums.counts[accounts[example]] += Double(rows.count)
    }
  }

  private func makePass(
    _ batch: PackedBatch, randomKey: RandomKey?, keepsActivations: Bool, completed: (([Linear]) -> Void)? = nil
  ) -> Pass {
    Pass(
      batch.rows, randomKey: randomKey, keepsActivations: keepsActivations, isCheckpointed: isCheckpointed,
      saved: saved, scratch: scratch, phases: phases, completed: completed)
  }

  private func reset() {
    saved.reset()
    scratch.reset()
  }
}
