import Tensors

/// A block's attention on its own sequence: the maps to queries, keys and values, what happens to these before they
/// meet, and the map of the result.
///
///     q = rotary(norm(Wq x))        k = rotary(norm(Wk x))        v = Wv x        y = Wo attention(q, k, v)
///
/// Norms are a head's (Qwen 3); norms and rotary positions may be missing.
final class SelfAttention {
  enum Projection {
    /// One map to queries, keys and values side by side, as GPT-2's c_attn.
    case joined(Linear)
    case separate(queries: Linear, keys: Linear, values: Linear)
  }

  let core: CausalAttention
  let output: Linear
  private let projection: Projection
  private let queryNorm, keyNorm: RMSNorm?
  private let rotary: RotaryEmbedding?
  private var activations: Activations?

  /// What the backward pass reads: what met in attention, its result, and what the norms read.
  private struct Activations {
    let met: CausalAttention.Inputs
    let attended, logSumExp: Matrix
    let normed: [(x: Matrix, statistics: NormStatistics)?]
  }

  init(
    _ core: CausalAttention, projection: Projection, output: Linear, queryNorm: RMSNorm? = nil,
    keyNorm: RMSNorm? = nil, rotary: RotaryEmbedding? = nil
  ) {
    (self.core, self.projection, self.output) = (core, projection, output)
    (self.queryNorm, self.keyNorm, self.rotary) = (queryNorm, keyNorm, rotary)
  }

  /// The maps before attention.
  var inputLinears: [Linear] {
    switch projection {
    case .joined(let linear): [linear]
    case .separate(let queries, let keys, let values): [queries, keys, values]
    }
  }

  var linears: [Linear] { inputLinears + [output] }

  /// Whether anything trains before attention.
  var inputIsTrained: Bool {
    inputLinears.contains { $0.isTrained } || queryNorm?.isTrained ?? false || keyNorm?.isTrained ?? false
  }

  var isTrained: Bool { inputIsTrained || output.isTrained }

  /// The result of attention before the last map, on every row of the normalised x.
  ///
  /// - Parameter store: Called with keys and values, before attention, when decoding starts.
  func attend(_ x: Matrix, store: ((_ keys: Matrix, _ values: Matrix) -> Void)?, _ pass: Pass) -> Matrix {
    let attended = pass.kept(x.rows, core.width)
    let (met, normed) = prepare(x, firstPositions: nil, pass)
    store?(met.k, met.v)
    let logSumExp = core.forward(met, into: attended, pass)
    if pass.keepsActivations {
      activations = Activations(met: met, attended: attended, logSumExp: logSumExp, normed: normed)
    }
    return attended
  }

  private func memory(_ rows: Int, _ make: (Int, Int) -> Matrix) -> (all: Matrix?, parts: CausalAttention.Inputs) {
    let (width, keyWidth) = (core.width, core.keyWidth)
    guard case .joined = projection else {
      return (nil, .init(q: make(rows, width), k: make(rows, keyWidth), v: make(rows, keyWidth)))
    }
    let all = make(rows, width + 2 * keyWidth)
    return (
      all,
      .init(
        q: all.columns(0..<width), k: all.columns(width..<width + keyWidth),
        v: all.columns(width + keyWidth..<all.columns))
    )
  }

  /// Queries, keys and values as they meet.
  private func prepare(
    _ x: Matrix, firstPositions: [Int]?, _ pass: Pass
  ) -> (met: CausalAttention.Inputs, normed: [(x: Matrix, statistics: NormStatistics)?]) {
    let (all, raw) = memory(x.rows, pass.kept)
    switch projection {
    case .joined(let linear): linear.forward(x, into: all!, pass)
    case .separate(let queries, let keys, let values):
      queries.forward(x, into: raw.q, pass)
      keys.forward(x, into: raw.k, pass)
      values.forward(x, into: raw.v, pass)
    }
    let (q, queryState) = normalize(raw.q, queryNorm, pass), (k, keyState) = normalize(raw.k, keyNorm, pass)
    rotary?.rotate(q, .forth, firstPositions: firstPositions, pass)
    rotary?.rotate(k, .forth, firstPositions: firstPositions, pass)
    return (.init(q: q, k: k, v: raw.v), [queryState, keyState])
  }

  /// Normalises every head, if there is a norm.
  private func normalize(
    _ x: Matrix, _ norm: RMSNorm?, _ pass: Pass
  ) -> (Matrix, (x: Matrix, statistics: NormStatistics)?) {
    guard let norm else { return (x, nil) }
    let y = pass.kept(x.rows, x.columns), heads = x.reshaped(columns: core.headWidth)
    return (y, (heads, norm.forward(heads, into: y.reshaped(columns: core.headWidth), pass)))
  }

  /// Adds the gradients of everything before attention.
  ///
  /// - Parameters:
  ///   - dAttended: Gradient of ``attend(_:store:_:)``'s result.
  ///   - input: Gives the forward pass's x; called only if a map needs it.
  ///   - dx: Receives the gradient of x; nil when nothing before is trained.
  func backward(_ dAttended: Matrix, input: () -> Matrix, into dx: Matrix?, _ pass: Pass) {
    guard let saved = activations else { preconditionFailure("backward without a forward that keeps activations") }
    activations = nil
    // attended = attention(q, k, v)
    let (all, d) = memory(dAttended.rows, pass.scratch.matrix)
    core.backward(dAttended, y: saved.attended, logSumExp: saved.logSumExp, saved.met, into: d, pass)
    // q = rotary(norm(Wq x)), k = rotary(norm(Wk x))
    rotary?.rotate(d.q, .back, pass)
    rotary?.rotate(d.k, .back, pass)
    let dq = backwardNorm(d.q, queryNorm, saved.normed[0], pass), dk = backwardNorm(d.k, keyNorm, saved.normed[1], pass)
    let x = inputLinears.contains { $0.needsInput } ? input() : nil
    switch projection {
    case .joined(let linear): linear.backward(all!, x: x, into: dx, pass)
    case .separate(let queries, let keys, let values):
      queries.backward(dq, x: x, into: dx, pass)
      let part = dx.map { pass.scratch.matrix($0.rows, $0.columns) }
      for (linear, dy) in [(keys, dk), (values, d.v)] {
        linear.backward(dy, x: x, into: part, pass)
        if let dx, let part { dx.add(part) }
      }
    }
  }

  private func backwardNorm(
    _ dy: Matrix, _ norm: RMSNorm?, _ state: (x: Matrix, statistics: NormStatistics)?, _ pass: Pass
  ) -> Matrix {
    guard let norm, let state else { return dy }
    let dx = pass.scratch.matrix(dy.rows, dy.columns)
    dx.fill(0)
    norm.backward(
      dy.reshaped(columns: core.headWidth), x: state.x, state.statistics,
      addingTo: dx.reshaped(columns: core.headWidth))
    return dx
  }

  /// ``attend(_:store:_:)`` for one new position a sequence, which the cache receives.
  func step(_ x: Matrix, layer: Int, cache: KeyValueCache, slots: [Int], _ pass: Pass) -> Matrix {
    let attended = pass.scratch.matrix(x.rows, core.width)
    let (met, _) = prepare(x, firstPositions: slots.map { cache.lengths[$0] }, pass)
    for (row, slot) in slots.enumerated() {
      cache.append(layer: layer, slot: slot, keys: met.k.rows(row..<row + 1), values: met.v.rows(row..<row + 1))
    }
    core.step(met.q, into: attended, cache: cache, layer: layer, slots: slots, pass)
    return attended
  }
}
