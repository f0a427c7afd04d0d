import Tensors

/// One layer of a decoder-only model.
///
///     m = x + after₁(attention(before₁(x)))
///     y = m + after₂(feedForward(before₂(m)))
///
/// The norms behind the two parts are Gemma 2's; other families have none.
final class DecoderBlock {
  /// A norm before a part, and one behind it if there is one.
  struct Norms {
    let before: any Norm
    var after: (any Norm)?

    var isTrained: Bool { before.isTrained || after?.isTrained ?? false }
  }

  let attention: SelfAttention
  let feedForward: any FeedForward
  private let norms1, norms2: Norms
  private var activations: Activations?

  /// A norm's input, and what else its backward pass reads.
  private typealias Normed = (x: Matrix, statistics: NormStatistics)

  /// What the backward pass reads. The rows of `input` are all tokens; of the rest those that go on.
  private struct Activations {
    let input, middle: Normed
    /// Attention's result before its last map.
    let context: Matrix
    let after1, after2: Normed?
  }

  init(attention: SelfAttention, _ norms1: Norms, feedForward: any FeedForward, _ norms2: Norms) {
    (self.attention, self.norms1, self.feedForward, self.norms2) = (attention, norms1, feedForward, norms2)
  }

  var linears: [Linear] { attention.linears + feedForward.linears }

  var isTrained: Bool {
    norms1.isTrained || norms2.isTrained || attention.isTrained || feedForward.linears.contains { $0.isTrained }
  }

  // MARK: Forward

  /// Sets y from x. With a selection y has only its rows.
  ///
  /// - Parameter store: Called with keys and values, before attention, when decoding starts.
  func forward(
    _ x: Matrix, into y: Matrix, selection: RowSelection?, store: ((_ keys: Matrix, _ values: Matrix) -> Void)?,
    _ pass: Pass
  ) {
    let mark = pass.scratch.mark()
    let normed = pass.scratch.matrix(x.rows, x.columns)
    let statistics1 = norms1.before.forward(x, into: normed, pass)
    let attended = attention.attend(normed, store: store, pass)
    let after = selection?.pass ?? pass
    let residual = selection?.gather(x) ?? x, context = selection?.gather(attended) ?? attended
    let middle = after.kept(y.rows, y.columns)
    let after1 = project(context, into: middle, after)
    middle.add(residual)
    let (statistics2, after2) = feed(middle, into: y, after)
    if pass.keepsActivations {
      activations = Activations(
        input: (x, statistics1), middle: (middle, statistics2), context: context, after1: after1, after2: after2)
    }
    pass.scratch.release(to: mark)
  }

  /// after₁(output(context)).
  private func project(_ context: Matrix, into y: Matrix, _ pass: Pass) -> Normed? {
    normalizing(norms1.after, into: y, pass) { attention.output.forward(context, into: $0, pass) }
  }

  /// y = m + after₂(feedForward(before₂(m))).
  private func feed(_ m: Matrix, into y: Matrix, _ pass: Pass) -> (NormStatistics, Normed?) {
    let normed = pass.scratch.matrix(m.rows, m.columns)
    let statistics = norms2.before.forward(m, into: normed, pass)
    let after = normalizing(norms2.after, into: y, pass) { feedForward.forward(normed, into: $0, pass) }
    y.add(m)
    return (statistics, after)
  }

  /// y = what `part` sets, normalised if there is a norm.
  private func normalizing(_ norm: (any Norm)?, into y: Matrix, _ pass: Pass, _ part: (Matrix) -> Void) -> Normed? {
    guard let norm else {
      part(y)
      return nil
    }
    let bare = pass.kept(y.rows, y.columns)
    part(bare)
    return (bare, norm.forward(bare, into: y, pass))
  }

  // MARK: Backward

  /// Turns the gradient of y into that of x, adding parameter gradients on the way.
  ///
  /// - Parameters:
  ///   - d: Gradient of y; overwritten.
  ///   - needsInputGradient: Whether something before this block is trained.
  /// - Returns: The gradient of x, in d or (with a selection) in fresh scratch memory; nil if not needed.
  func backward(_ d: Matrix, selection: RowSelection?, needsInputGradient: Bool, _ pass: Pass) -> Matrix? {
    guard let saved = activations else { preconditionFailure("backward without a forward that keeps activations") }
    activations = nil
    let after = selection?.pass ?? pass, tokenCount = saved.input.x.rows
    backwardFeed(d, saved, after)

    let needsNormGradient = needsInputGradient || norms1.before.isTrained
    // m = x + after₁(output(context))
    guard needsNormGradient || attention.inputIsTrained else {
      attention.output.backward(
        backward(through: norms1.after, saved.after1, d, after), x: saved.context, into: nil, after)
      return nil
    }
    let total = selection == nil ? d : pass.scratch.matrix(tokenCount, d.columns)
    let mark = pass.scratch.mark()
    let dContext = pass.scratch.matrix(d.rows, attention.output.inputs)
    attention.output.backward(
      backward(through: norms1.after, saved.after1, d, after), x: saved.context, into: dContext, after)
    // context = attention(before₁(x))
    let dNormed = needsNormGradient ? pass.scratch.matrix(tokenCount, d.columns) : nil
    attention.backward(
      scattered(dContext, selection, among: tokenCount, pass), input: { again(norms1.before, saved.input, pass) },
      into: dNormed, pass)
    if let dNormed {
      selection?.scatter(d, into: total)
      norms1.before.backward(dNormed, x: saved.input.x, saved.input.statistics, addingTo: total)
    }
    pass.scratch.release(to: mark)
    return needsInputGradient ? total : nil
  }

  /// The gradient on all rows, zero where a selection left rows out.
  private func scattered(_ d: Matrix, _ selection: RowSelection?, among count: Int, _ pass: Pass) -> Matrix {
    guard let selection else { return d }
    let full = pass.scratch.matrix(count, d.columns)
    selection.scatter(d, into: full)
    return full
  }

  /// d, the gradient of y, becomes that of m.
  private func backwardFeed(_ d: Matrix, _ saved: Activations, _ pass: Pass) {
    let mark = pass.scratch.mark()
    // y = m + after₂(feedForward(before₂(m)))
    let dOutput = backward(through: norms2.after, saved.after2, d, pass)
    let dNormed = pass.scratch.matrix(d.rows, d.columns)
    feedForward.backward(dOutput, input: { again(norms2.before, saved.middle, pass) }, into: dNormed, pass)
    norms2.before.backward(dNormed, x: saved.middle.x, saved.middle.statistics, addingTo: d)
    pass.scratch.release(to: mark)
  }

  /// The gradient of a norm's input; dy itself without a norm.
  private func backward(through norm: (any Norm)?, _ normed: Normed?, _ dy: Matrix, _ pass: Pass) -> Matrix {
    guard let norm, let normed else { return dy }
    let dx = pass.scratch.matrix(dy.rows, dy.columns)
    dx.fill(0)
    norm.backward(dy, x: normed.x, normed.statistics, addingTo: dx)
    return dx
  }

  /// The forward pass's normalised rows again.
  private func again(_ norm: any Norm, _ normed: Normed, _ pass: Pass) -> Matrix {
    let y = pass.scratch.matrix(normed.x.rows, normed.x.columns)
    norm.again(normed.x, normed.statistics, into: y)
    return y
  }

  // MARK: Decoding

  /// One new token a sequence: x (sequences, width) becomes the block's output in place.
  func step(_ x: Matrix, layer: Int, cache: KeyValueCache, slots: [Int], _ pass: Pass) {
    let mark = pass.scratch.mark()
    let normed = pass.scratch.matrix(x.rows, x.columns), middle = pass.scratch.matrix(x.rows, x.columns)
    _ = norms1.before.forward(x, into: normed, pass)
    _ = project(attention.step(normed, layer: layer, cache: cache, slots: slots, pass), into: middle, pass)
    middle.add(x)
    _ = feed(middle, into: x, pass)
    pass.scratch.release(to: mark)
  }
}
