import Tensors

/// The attention part of a T5 block, on its own stream or, in a decoder, on the encoder's states.
///
///     y = x + o(attention(q(norm(x)), k(s), v(s)))        s = norm(x), or the encoder's states
///
/// Scores are not scaled (the initial q takes care of that); those on the own stream are biased by distance.
final class T5Attention: T5Part {
  let norm: RMSNorm
  private let queries, keys, values, output: Linear
  private let core: SequenceAttention
  private let readsSource: Bool
  /// The block's place in its stack.
  private let layer: Int
  private var activations: Activations?

  /// What the backward pass reads: the part's input, what met in attention, and its result.
  private struct Activations {
    let x: Matrix
    let statistics: NormStatistics
    let met: CausalAttention.Inputs
    let attended, logSumExp: Matrix
  }

  init(
    norm: RMSNorm, queries: Linear, keys: Linear, values: Linear, output: Linear, _ core: SequenceAttention,
    readsSource: Bool, layer: Int
  ) {
    (self.norm, self.queries, self.keys, self.values, self.output) = (norm, queries, keys, values, output)
    (self.core, self.readsSource, self.layer) = (core, readsSource, layer)
  }

  var linears: [Linear] { [queries, keys, values, output] }

  /// The bias's gradient, or that of the encoder's states.
  func passesGradient(_ context: T5Context) -> Bool {
    readsSource ? context.dStates != nil : context.dBias != nil
  }

  private func source(_ context: T5Context) -> (states: Matrix, pass: Pass) {
    guard let source = context.source else { preconditionFailure("cross-attention without an encoder's states") }
    return source
  }

  private func streams(_ context: T5Context) -> SequenceAttention.Streams {
    .init(queries: context.pass, keys: readPass(context))
  }

  /// The pass over the rows that keys and values are made of.
  private func readPass(_ context: T5Context) -> Pass { readsSource ? source(context).pass : context.pass }

  private func bias(_ context: T5Context) -> DistanceBias? { readsSource ? nil : context.bias }

  // MARK: Forward

  func forward(_ x: Matrix, into y: Matrix, _ context: T5Context) {
    let pass = context.pass, mark = pass.scratch.mark()
    let normed = pass.scratch.matrix(x.rows, x.columns)
    let statistics = norm.forward(x, into: normed, pass)
    let read = readsSource ? source(context).states : normed
    let met = CausalAttention.Inputs(
      q: pass.kept(x.rows, core.width), k: pass.kept(read.rows, core.width), v: pass.kept(read.rows, core.width))
    queries.forward(normed, into: met.q, pass)
    keys.forward(read, into: met.k, readPass(context))
    values.forward(read, into: met.v, readPass(context))
    store(met, context)
    let attended = pass.kept(x.rows, core.width)
    let logSumExp = core.forward(met, bias: bias(context), into: attended, streams(context))
    output.forward(attended, into: y, pass)
    y.add(x)
    if pass.keepsActivations {
      activations = Activations(x: x, statistics: statistics, met: met, attended: attended, logSumExp: logSumExp)
    }
    pass.scratch.release(to: mark)
  }

  /// Keeps keys and values for generation.
  private func store(_ met: CausalAttention.Inputs, _ context: T5Context) {
    guard let (cache, slots) = context.decoding else { return }
    let pass = readPass(context)
    for (sequence, slot) in slots.enumerated() {
      let rows = pass.rows(of: sequence), (target, place) = cached(cache, slot)
      target.append(layer: layer, slot: place, keys: met.k.rows(rows), values: met.v.rows(rows))
    }
  }

  /// Where the keys and values that a slot reads lie.
  private func cached(_ cache: KeyValueCache, _ slot: Int) -> (cache: KeyValueCache, slot: Int) {
    guard readsSource else { return (cache, slot) }
    guard let source = cache.source else { preconditionFailure("a cache without room for the encoder's states") }
    return (source, cache.sourceSlots[slot])
  }

  // MARK: Backward

  func backward(_ d: Matrix, needsInputGradient: Bool, _ context: T5Context) {
    guard let saved = activations else { preconditionFailure("backward without a forward that keeps activations") }
    activations = nil
    let pass = context.pass, mark = pass.scratch.mark()
    defer { pass.scratch.release(to: mark) }
    let needsNormGradient = needsInputGradient || norm.isTrained
    // y = x + o(attended)
    guard needsNormGradient || [queries, keys, values].contains(where: \.isTrained) || passesGradient(context) else {
      return output.backward(d, x: saved.attended, into: nil, pass)
    }
    let dAttended = pass.scratch.matrix(d.rows, core.width)
    output.backward(d, x: saved.attended, into: dAttended, pass)
    // attended = attention(q, k, v)
    let (q, k) = (saved.met.q, saved.met.k)
    let dMet = CausalAttention.Inputs(
      q: pass.scratch.matrix(q.rows, q.columns), k: pass.scratch.matrix(k.rows, k.columns),
      v: pass.scratch.matrix(k.rows, k.columns))
    core.backward(
      dAttended, y: saved.attended, logSumExp: saved.logSumExp, saved.met, bias: bias(context), into: dMet,
      dBias: readsSource ? nil : context.dBias, streams(context))
    // q = Wq norm(x), k = Wk s, v = Wv s
    let readers = readsSource ? [queries] : [queries, keys, values]
    let normed = readers.contains { $0.needsInput } ? again(saved, pass) : nil
    let dNormed = needsNormGradient ? pass.scratch.matrix(d.rows, d.columns) : nil
    queries.backward(dMet.q, x: normed, into: dNormed, pass)
    if readsSource {
      let source = source(context)
      backwardKeysAndValues(dMet, source.states, addingTo: context.dStates, source.pass)
    } else {
      backwardKeysAndValues(dMet, normed, addingTo: dNormed, pass)
    }
    if let dNormed { norm.backward(dNormed, x: saved.x, saved.statistics, addingTo: d) }
  }

  /// Adds the gradient of what keys and values are made of to `total`, if it is asked for.
  private func backwardKeysAndValues(
    _ dMet: CausalAttention.Inputs, _ read: Matrix?, addingTo total: Matrix?, _ pass: Pass
  ) {
    let part = total.map { pass.scratch.matrix($0.rows, $0.columns) }
    for (linear, dy) in [(keys, dMet.k), (values, dMet.v)] {
      linear.backward(dy, x: read, into: part, pass)
      if let total, let part { total.add(part) }
    }
  }

  /// The normalised rows again.
  private func again(_ saved: Activations, _ pass: Pass) -> Matrix {
    let normed = pass.scratch.matrix(saved.x.rows, saved.x.columns)
    norm.again(saved.x, saved.statistics, into: normed)
    return normed
  }

  // MARK: Decoding

  func step(_ x: Matrix, _ context: T5Context) {
    guard let (cache, slots) = context.decoding else { preconditionFailure("a step without a cache") }
    let pass = context.pass, mark = pass.scratch.mark()
    let normed = pass.scratch.matrix(x.rows, x.columns), q = pass.scratch.matrix(x.rows, core.width)
    _ = norm.forward(x, into: normed, pass)
    queries.forward(normed, into: q, pass)
    if !readsSource { append(normed, cache, slots, pass) }
    let attended = pass.scratch.matrix(x.rows, core.width), y = pass.scratch.matrix(x.rows, x.columns)
    let places = slots.map { cached(cache, $0) }
    core.step(
      q, bias: bias(context), into: attended, cache: places[0].cache, layer: layer,
      slots: places.map(\.slot),
      // A new position's own key and value lie in the cache already.
      lengths: places.map { $0.cache.lengths[$0.slot] + (readsSource ? 0 : 1) }, scratch: pass.scratch)
    output.forward(attended, into: y, pass)
    x.add(y)
    pass.scratch.release(to: mark)
  }

  /// Keys and values of the new tokens, behind the cached ones.
  private func append(_ normed: Matrix, _ cache: KeyValueCache, _ slots: [Int], _ pass: Pass) {
    let k = pass.scratch.matrix(normed.rows, core.width), v = pass.scratch.matrix(normed.rows, core.width)
    keys.forward(normed, into: k, pass)
    values.forward(normed, into: v, pass)
    for (row, slot) in slots.enumerated() {
      cache.append(layer: layer, slot: slot, keys: k.rows(row..<row + 1), values: v.rows(row..<row + 1))
    }
  }
}
