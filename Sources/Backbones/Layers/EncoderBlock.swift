import Tensors

/// One layer of an encoder, its norms behind the parts.
///
///     m = norm₁(x + Wo attention(Wq x, Wk x, Wv x))
///     y = norm₂(m + feedForward(m))
final class EncoderBlock {
  let queries, keys, values, output: Linear
  let feedForward: PlainFeedForward
  private let core: SequenceAttention
  private let norm1, norm2: LayerNorm
  private var activations: Activations?

  /// A norm's input, and what else its backward pass reads.
  private typealias Normed = (x: Matrix, statistics: NormStatistics)

  /// What the backward pass reads. The rows of `x`, of what met in attention and of its result are all tokens; of the
  /// rest those that go on.
  private struct Activations {
    let x: Matrix
    let met: CausalAttention.Inputs
    let attended, logSumExp: Matrix
    let context: Matrix
    let sum1, sum2: Normed
  }

  init(
    queries: Linear, keys: Linear, values: Linear, output: Linear, _ core: SequenceAttention, norm1: LayerNorm,
    feedForward: PlainFeedForward, norm2: LayerNorm
  ) {
    (self.queries, self.keys, self.values, self.output) = (queries, keys, values, output)
    (self.core, self.norm1, self.feedForward, self.norm2) = (core, norm1, feedForward, norm2)
  }

  /// The maps before attention.
  var inputLinears: [Linear] { [queries, keys, values] }
  var linears: [Linear] { inputLinears + [output] + feedForward.linears }

  var isTrained: Bool { linears.contains { $0.isTrained } || norm1.isTrained || norm2.isTrained }

  // MARK: Forward

  /// Sets y from x. With a selection y has only its rows.
  func forward(_ x: Matrix, into y: Matrix, selection: RowSelection?, _ pass: Pass) {
    let mark = pass.scratch.mark()
    let met = CausalAttention.Inputs(
      q: pass.kept(x.rows, core.width), k: pass.kept(x.rows, core.width), v: pass.kept(x.rows, core.width))
    queries.forward(x, into: met.q, pass)
    keys.forward(x, into: met.k, pass)
    values.forward(x, into: met.v, pass)
    let attended = pass.kept(x.rows, core.width)
    let logSumExp = core.forward(met, bias: nil, into: attended, .init(queries: pass, keys: pass))
    let after = selection?.pass ?? pass
    let context = selection?.gather(attended) ?? attended
    let sum1 = after.kept(y.rows, y.columns), middle = after.scratch.matrix(y.rows, y.columns)
    output.forward(context, into: sum1, after)
    sum1.add(selection?.gather(x) ?? x)
    let statistics1 = norm1.forward(sum1, into: middle, after)
    let sum2 = after.kept(y.rows, y.columns)
    feedForward.forward(middle, into: sum2, after)
    sum2.add(middle)
    let statistics2 = norm2.forward(sum2, into: y, after)
    if pass.keepsActivations {
      activations = Activations(
        x: x, met: met, attended: attended, logSumExp: logSumExp, context: context, sum1: (sum1, statistics1),
        sum2: (sum2, statistics2))
    }
    pass.scratch.release(to: mark)
  }

  // MARK: Backward

  /// Adds parameter gradients.
  ///
  /// - Parameters:
  ///   - d: Gradient of y; overwritten.
  ///   - needsInputGradient: Whether something before this block is trained.
  /// - Returns: The gradient of x, in scratch memory; nil if not needed.
  func backward(_ d: Matrix, selection: RowSelection?, needsInputGradient: Bool, _ pass: Pass) -> Matrix? {
    guard let saved = activations else { preconditionFailure("backward without a forward that keeps activations") }
    activations = nil
    let after = selection?.pass ?? pass
    let dx = needsInputGradient ? pass.scratch.matrix(saved.x.rows, d.columns) : nil
    let mark = pass.scratch.mark()
    defer { pass.scratch.release(to: mark) }
    let dSum = backwardFeed(d, saved, after)
    // sum₁ = x + Wo context
    guard needsInputGradient || inputLinears.contains(where: \.isTrained) else {
      output.backward(dSum, x: saved.context, into: nil, after)
      return nil
    }
    let dContext = pass.scratch.matrix(d.rows, core.width)
    output.backward(dSum, x: saved.context, into: dContext, after)
    backwardAttention(scattered(dContext, selection, pass), saved, into: dx, pass)
    if let dx { dx.add(scattered(dSum, selection, pass)) }
    return dx
  }

  /// The gradient of sum₁, from d, that of y.
  private func backwardFeed(_ d: Matrix, _ saved: Activations, _ pass: Pass) -> Matrix {
    // y = norm₂(sum₂)
    let dSum2 = backward(through: norm2, saved.sum2, d, pass)
    // sum₂ = m + feedForward(m)
    feedForward.backward(
      dSum2,
      input: {
        let middle = pass.scratch.matrix(d.rows, d.columns)
        norm1.again(saved.sum1.x, saved.sum1.statistics, into: middle)
        return middle
      }, into: d, pass)
    d.add(dSum2)
    // m = norm₁(sum₁)
    return backward(through: norm1, saved.sum1, d, pass)
  }

  private func backward(through norm: LayerNorm, _ normed: Normed, _ dy: Matrix, _ pass: Pass) -> Matrix {
    let dx = pass.scratch.matrix(dy.rows, dy.columns)
    dx.fill(0)
    norm.backward(dy, x: normed.x, normed.statistics, addingTo: dx)
    return dx
  }

  /// The gradient on all rows, zero where a selection left rows out.
  private func scattered(_ d: Matrix, _ selection: RowSelection?, _ pass: Pass) -> Matrix {
    guard let selection else { return d }
    let full = pass.scratch.matrix(pass.starts[pass.sequenceCount], d.columns)
    selection.scatter(d, into: full)
    return full
  }

  private func backwardAttention(_ d: Matrix, _ saved: Activations, into dx: Matrix?, _ pass: Pass) {
    func rows() -> Matrix { pass.scratch.matrix(d.rows, core.width) }
    // attended = attention(q, k, v)
    let dMet = CausalAttention.Inputs(q: rows(), k: rows(), v: rows())
    core.backward(
      d, y: saved.attended, logSumExp: saved.logSumExp, saved.met, bias: nil, into: dMet, dBias: nil,
      .init(queries: pass, keys: pass))
    // q = Wq x, k = Wk x, v = Wv x
    queries.backward(dMet.q, x: saved.x, into: dx, pass)
    let part = dx.map { pass.scratch.matrix($0.rows, $0.columns) }
    for (linear, dy) in [(keys, dMet.k), (values, dMet.v)] {
      linear.backward(dy, x: saved.x, into: part, pass)
      if let dx, let part { dx.add(part) }
    }
  }
}
