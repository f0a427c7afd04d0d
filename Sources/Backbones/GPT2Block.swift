import CKernels
import Tensors

/// One layer of GPT-2.
///
///     m = x + c_proj(attention(c_attn(ln_1(x))))
///     y = m + c_proj(GELU(c_fc(ln_2(m))))
final class GPT2Block {
  let norm1, norm2: LayerNorm
  let attentionInput, attentionOutput, expand, contract: Linear
  let attention: CausalAttention
  private var activations: Activations?

  /// What the backward pass reads. Rows of x, qkv, attended are all tokens; of the rest those that go on.
  private struct Activations {
    let x, qkv, logSumExp, attended, middle, expanded: Matrix
    let statistics1, statistics2: LayerNorm.Statistics
    let outputAttended: Matrix
  }

  /// Rows of a block's input that alone go on past attention, and the pass over them.
  struct Selection {
    let rows: [Int32]
    let pass: Pass
  }

  init(
    norm1: LayerNorm, norm2: LayerNorm, attentionInput: Linear, attentionOutput: Linear, expand: Linear,
    contract: Linear, attention: CausalAttention
  ) {
    (self.norm1, self.norm2, self.attention) = (norm1, norm2, attention)
    (self.attentionInput, self.attentionOutput) = (attentionInput, attentionOutput)
    (self.expand, self.contract) = (expand, contract)
  }

  var linears: [Linear] { [attentionInput, attentionOutput, expand, contract] }
  var isTrained: Bool { norm1.isTrained || norm2.isTrained || linears.contains { $0.isTrained } }

  private func inputs(_ qkv: Matrix) -> CausalAttention.Inputs {
    let width = qkv.columns / 3
    return .init(
      q: qkv.columns(0..<width), k: qkv.columns(width..<2 * width), v: qkv.columns(2 * width..<3 * width))
  }

  /// Sets y from x. With a selection y has only its rows.
  ///
  /// - Parameter store: Called with keys and values, before attention, when decoding starts.
  func forward(
    _ x: Matrix, into y: Matrix, selection: Selection?, store: ((_ keys: Matrix, _ values: Matrix) -> Void)?,
    _ pass: Pass
  ) {
    let mark = pass.scratch.mark()
    let qkv = pass.kept(x.rows, 3 * x.columns), attended = pass.kept(x.rows, x.columns)
    let normed = pass.scratch.matrix(x.rows, x.columns)
    let statistics1 = norm1.forward(x, into: normed, pass)
    attentionInput.forward(normed, into: qkv, pass)
    let parts = inputs(qkv)
    store?(parts.k, parts.v)
    let logSumExp = attention.forward(parts, into: attended, pass)

    let after = selection?.pass ?? pass
    let (residual, context) = (gather(x, selection, after), gather(attended, selection, after))
    let middle = after.kept(y.rows, y.columns)
    attentionOutput.forward(context, into: middle, after)
    middle.add(residual)
    let (expanded, statistics2) = feedForward(middle, into: y, after)
    if pass.keepsActivations {
      activations = Activations(
        x: x, qkv: qkv, logSumExp: logSumExp, attended: attended, middle: middle, expanded: expanded,
        statistics1: statistics1, statistics2: statistics2, outputAttended: context)
    }
    pass.scratch.release(to: mark)
  }

  /// y = m + c_proj(GELU(c_fc(ln_2(m)))).
  private func feedForward(_ m: Matrix, into y: Matrix, _ pass: Pass) -> (Matrix, LayerNorm.Statistics) {
    let normed = pass.scratch.matrix(m.rows, m.columns)
    let statistics = norm2.forward(m, into: normed, pass)
    let expanded = pass.kept(m.rows, expand.outputs), active = pass.scratch.matrix(m.rows, expand.outputs)
    expand.forward(normed, into: expanded, pass)
    ck_gelu_tanh_forward(expanded.count, expanded.base, active.base)
    contract.forward(active, into: y, pass)
    y.add(m)
    return (expanded, statistics)
  }

  /// The selected rows of a matrix, or the matrix itself.
  private func gather(_ x: Matrix, _ selection: Selection?, _ pass: Pass) -> Matrix {
    guard let selection else { return x }
    let y = pass.kept(selection.rows.count, x.columns)
    ck_gather_rows(y.rows, y.columns, selection.rows, x.base, x.stride, y.base)
    return y
  }

  /// Turns the gradient of y into that of x, adding parameter gradients on the way.
  ///
  /// - Parameters:
  ///   - d: Gradient of y; overwritten.
  ///   - needsInputGradient: Whether something before this block is trained.
  /// - Returns: The gradient of x, in d or (with a selection) in fresh scratch memory; nil if not needed.
  func backward(_ d: Matrix, selection: Selection?, needsInputGradient: Bool, _ pass: Pass) -> Matrix? {
    guard let saved = activations else { preconditionFailure("backward without a forward that keeps activations") }
    activations = nil
    let after = selection?.pass ?? pass
    backwardFeedForward(d, saved.middle, saved.expanded, saved.statistics2, after)

    // m = x + c_proj(attended)
    guard needsInputGradient || norm1.isTrained || attentionInput.isTrained else {
      attentionOutput.backward(d, x: saved.outputAttended, into: nil, after)
      return nil
    }
    let total = selection == nil ? d : pass.scratch.matrix(saved.x.rows, d.columns)
    let mark = pass.scratch.mark()
    let dContext = pass.scratch.matrix(d.rows, attentionOutput.inputs)
    attentionOutput.backward(d, x: saved.outputAttended, into: dContext, after)
    let dAttended = scatter(dContext, selection, rows: saved.x.rows, pass)
    // attended = attention(qkv)
    let dqkv = pass.scratch.matrix(saved.x.rows, saved.qkv.columns)
    attention.backward(
      dAttended, y: saved.attended, logSumExp: saved.logSumExp, inputs(saved.qkv), into: inputs(dqkv), pass)
    let dNormed = backwardAttentionInput(dqkv, saved, needsInputGradient: needsInputGradient, pass)
    if let dNormed {
      if selection != nil { total.copy(from: scatter(d, selection, rows: saved.x.rows, pass)) }
      norm1.backward(dNormed, x: saved.x, saved.statistics1, addingTo: total)
    }
    pass.scratch.release(to: mark)
    return needsInputGradient ? total : nil
  }

  /// Backward of qkv = c_attn(ln_1(x)): the gradient of the normalised x, if anything asks for it.
  private func backwardAttentionInput(
    _ dqkv: Matrix, _ saved: Activations, needsInputGradient: Bool, _ pass: Pass
  ) -> Matrix? {
    let dNormed =
      needsInputGradient || norm1.isTrained ? pass.scratch.matrix(saved.x.rows, saved.x.columns) : nil
    var normed: Matrix?
    if attentionInput.needsInput {
      normed = pass.scratch.matrix(saved.x.rows, saved.x.columns)
      norm1.again(saved.x, saved.statistics1, into: normed!)
    }
    attentionInput.backward(dqkv, x: normed, into: dNormed, pass)
    return dNormed
  }

  private func scatter(_ d: Matrix, _ selection: Selection?, rows: Int, _ pass: Pass) -> Matrix {
    guard let selection else { return d }
    let full = pass.scratch.matrix(rows, d.columns)
    full.fill(0)
    ck_scatter_add_rows(d.rows, d.columns, selection.rows, d.base, d.stride, full.base)
    return full
  }

  /// d, the gradient of y, becomes that of m.
  private func backwardFeedForward(
    _ d: Matrix, _ m: Matrix, _ expanded: Matrix, _ statistics: LayerNorm.Statistics, _ pass: Pass
  ) {
    let mark = pass.scratch.mark()
    // y = m + c_proj(active)
    var active: Matrix?
    if contract.needsInput {
      active = pass.scratch.matrix(expanded.rows, expanded.columns)
      ck_gelu_tanh_forward(expanded.count, expanded.base, active!.base)
    }
    let dExpanded = pass.scratch.matrix(expanded.rows, expanded.columns)
    contract.backward(d, x: active, into: dExpanded, pass)
    // active = GELU(expanded)
    ck_gelu_tanh_backward(expanded.count, expanded.base, dExpanded.base)
    // expanded = c_fc(ln_2(m))
    var normed: Matrix?
    if expand.needsInput {
      normed = pass.scratch.matrix(m.rows, m.columns)
      norm2.again(m, statistics, into: normed!)
    }
    let dNormed = pass.scratch.matrix(m.rows, m.columns)
    expand.backward(dExpanded, x: normed, into: dNormed, pass)
    norm2.backward(dNormed, x: m, statistics, addingTo: d)
    pass.scratch.release(to: mark)
  }

  /// One new token a sequence: x (sequences, width) becomes the block's output in place.
  func step(_ x: Matrix, layer: Int, cache: KeyValueCache, slots: [Int], _ pass: Pass) {
    let mark = pass.scratch.mark()
    let normed = pass.scratch.matrix(x.rows, x.columns), qkv = pass.scratch.matrix(x.rows, 3 * x.columns)
    let attended = pass.scratch.matrix(x.rows, x.columns), middle = pass.scratch.matrix(x.rows, x.columns)
    _ = norm1.forward(x, into: normed, pass)
    attentionInput.forward(normed, into: qkv, pass)
    let parts = inputs(qkv)
    for (row, slot) in slots.enumerated() {
      cache.append(layer: layer, slot: slot, keys: parts.k.rows(row..<row + 1), values: parts.v.rows(row..<row + 1))
    }
    attention.step(parts.q, into: attended, cache: cache, layer: layer, slots: slots, pass)
    attentionOutput.forward(attended, into: middle, pass)
    middle.add(x)
    _ = feedForward(middle, into: x, pass)
    pass.scratch.release(to: mark)
  }
}
