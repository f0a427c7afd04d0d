import Tensors

/// Attention as a part of a block: the maps to queries, keys and values, what happens to these before they meet, and
/// the map of the result.
///
///     q = rotary(norm(Wq x))        k = rotary(norm(Wk s))        v = Wv s        y = Wo attention(q, k, v)
///
/// s is x or, in cross-attention, the states of another stream. Norms are a head's (Qwen 3); norms and rotary positions
/// may be missing.
final class AttentionPart: Sublayer {
  enum Projection {
    /// One map to queries, keys and values side by side, as GPT-2's c_attn.
    case joined(Linear)
    case separate(queries: Linear, keys: Linear, values: Linear)
  }

  let core: Attention
  private let output: Linear
  private let projection: Projection
  private let queryNorm, keyNorm: RMSNorm?
  private let rotary: RotaryEmbedding?
  /// Whether keys and values are made of another stream's states.
  private let readsSource: Bool
  /// The block's place in its stack, and in caches.
  private let layer: Int
  private var activations: Activations?

  /// A norm's input, and what else its backward pass reads.
  private typealias Normed = (x: Matrix, statistics: NormStatistics)

  /// Queries, keys and values as they meet, and what their norms read.
  private struct Meeting {
    let inputs: Attention.Inputs
    let queryState, keyState: Normed?
  }

  /// What the backward pass reads: what met and, for the map of the result, its rows that went on.
  private struct Activations {
    let meeting: Meeting
    let logSumExp: Matrix
    let context: Matrix?
  }

  init(
    _ core: Attention, projection: Projection, output: Linear, queryNorm: RMSNorm? = nil, keyNorm: RMSNorm? = nil,
    rotary: RotaryEmbedding? = nil, readsSource: Bool = false, layer: Int
  ) {
    (self.core, self.projection, self.output) = (core, projection, output)
    (self.queryNorm, self.keyNorm, self.rotary) = (queryNorm, keyNorm, rotary)
    (self.readsSource, self.layer) = (readsSource, layer)
    if case .joined = projection {
      precondition(!readsSource, "one map cannot read two streams")
      precondition(queryNorm == nil && keyNorm == nil, "heads of one map do not lie end to end for a norm")
    }
  }

  /// The maps before attention.
  private var inputLinears: [Linear] {
    switch projection {
    case .joined(let linear): [linear]
    case .separate(let queries, let keys, let values): [queries, keys, values]
    }
  }

  var linears: [Linear] { inputLinears + [output] }

  /// Whether anything trains before attention.
  private var inputIsTrained: Bool {
    inputLinears.contains { $0.isTrained } || queryNorm?.isTrained ?? false || keyNorm?.isTrained ?? false
  }

  var isTrained: Bool { inputIsTrained || output.isTrained }

  /// The bias's gradient, or that of the other stream's states.
  func passesGradient(_ context: StackContext) -> Bool {
    readsSource ? context.dStates != nil : context.dBias != nil
  }

  /// By which queries tell positions: their own stream's alone.
  private func bias(_ context: StackContext) -> DistanceBias? { readsSource ? nil : context.bias }

  // MARK: Forward

  func forward(_ x: Matrix, into y: Matrix?, _ context: StackContext) {
    let pass = context.pass, keepsContext = pass.keepsActivations && output.needsInput
    func rows(_ count: Int, isKept: Bool) -> Matrix { (isKept ? pass.saved : pass.scratch).matrix(count, core.width) }
    let attended = rows(x.rows, isKept: keepsContext && context.selection == nil)
    var made: (meeting: Meeting, logSumExp: Matrix)?
    if let decoding = context.decoding {
      attend(x, into: attended, decoding, context)
    } else {
      let meeting = prepare(x, readsSource ? context.requiredSource.states : x, context)
      let keys = readsSource ? context.requiredSource.keys : context.keys
      let logSumExp = pass.measure(.attention) {
        core.forward(meeting.inputs, keys: keys, bias: bias(context), into: attended, pass)
      }
      made = (meeting, logSumExp)
    }
    let selected = context.selection.map { selection in
      let rows = rows(selection.pass.rows.count, isKept: keepsContext)
      selection.gather(attended, into: rows)
      return rows
    }
    output.forward(selected ?? attended, into: y, context.outputPass)
    if pass.keepsActivations, let made {
      activations = Activations(
        meeting: made.meeting, logSumExp: made.logSumExp, context: keepsContext ? selected ?? attended : nil)
    }
  }

  /// Memory for queries of some rows and keys and values of others; side by side where one map makes them.
  private func memory(
    _ queryRows: Int, _ keyRows: Int, _ make: (Int, Int) -> Matrix
  ) -> (all: Matrix?, parts: Attention.Inputs) {
    let (width, keyWidth) = (core.width, core.keyWidth)
    guard case .joined = projection else {
      return (nil, .init(q: make(queryRows, width), k: make(keyRows, keyWidth), v: make(keyRows, keyWidth)))
    }
    let all = make(queryRows, width + 2 * keyWidth)
    return (
      all,
      .init(
        q: all.columns(0..<width), k: all.columns(width..<width + keyWidth),
        v: all.columns(width + keyWidth..<all.columns))
    )
  }

  /// Queries of x, and keys and values of `read`, as they meet.
  private func prepare(_ x: Matrix, _ read: Matrix, _ context: StackContext) -> Meeting {
    let pass = context.pass, readPass = readsSource ? context.requiredSource.pass : pass
    let (all, raw) = memory(x.rows, read.rows, pass.kept)
    switch projection {
    case .joined(let linear): linear.forward(x, into: all!, pass)
    case .separate(let queries, let keys, let values):
      queries.forward(x, into: raw.q, pass)
      keys.forward(read, into: raw.k, readPass)
      values.forward(read, into: raw.v, readPass)
    }
    let (q, queryState) = normalize(raw.q, queryNorm, pass), (k, keyState) = normalize(raw.k, keyNorm, pass)
    rotate(q, k, .forth, context)
    return Meeting(inputs: .init(q: q, k: k, v: raw.v), queryState: queryState, keyState: keyState)
  }

  /// Turns queries and keys by their positions, if the model tells these so.
  private func rotate(_ q: Matrix, _ k: Matrix, _ direction: RotaryEmbedding.Direction, _ context: StackContext) {
    guard let rotary else { return }
    context.pass.measure(.attention) {
      rotary.rotate(q, direction, context.pass.rows)
      rotary.rotate(k, direction, (readsSource ? context.requiredSource.pass : context.pass).rows)
    }
  }

  /// Normalises every head, if there is a norm.
  private func normalize(_ x: Matrix, _ norm: RMSNorm?, _ pass: Pass) -> (Matrix, Normed?) {
    guard let norm else { return (x, nil) }
    let y = pass.kept(x.rows, x.columns), heads = x.reshaped(columns: core.headWidth)
    return (y, (heads, norm.forward(heads, into: y.reshaped(columns: core.headWidth), pass)))
  }

  // MARK: Backward

  func backward(_ dy: Matrix, input: () -> Matrix, into dx: Matrix?, _ context: StackContext) {
    guard let saved = activations else { preconditionFailure("backward without a forward that keeps activations") }
    activations = nil
    let pass = context.pass
    // y = Wo context
    guard dx != nil || inputIsTrained || passesGradient(context) else {
      return output.backward(dy, x: saved.context, into: nil, context.outputPass)
    }
    let met = saved.meeting.inputs, (all, d) = memory(met.q.rows, met.k.rows, pass.scratch.matrix)
    let mark = pass.scratch.mark(), dContext = pass.scratch.matrix(dy.rows, core.width)
    output.backward(dy, x: saved.context, into: dContext, context.outputPass)
    var dAttended = dContext
    if let selection = context.selection {
      dAttended = pass.scratch.matrix(met.q.rows, core.width)
      selection.scatter(dContext, into: dAttended)
    }
    // attended = attention(q, k, v)
    pass.measure(.attention) {
      core.backward(
        dAttended, logSumExp: saved.logSumExp, met,
        keys: readsSource ? context.requiredSource.keys : context.keys, bias: bias(context), into: d,
        dBias: readsSource ? nil : context.dBias, pass)
    }
    pass.scratch.release(to: mark)
    backwardPreparation(d, joined: all, saved.meeting, input: input, into: dx, context)
  }

  /// The gradients of what made queries, keys and values.
  private func backwardPreparation(
    _ d: Attention.Inputs, joined: Matrix?, _ meeting: Meeting, input: () -> Matrix, into dx: Matrix?,
    _ context: StackContext
  ) {
    let pass = context.pass
    // q = rotary(norm(Wq x)), k = rotary(norm(Wk s))
    rotate(d.q, d.k, .back, context)
    let dq = backwardNorm(d.q, queryNorm, meeting.queryState, pass)
    let dk = backwardNorm(d.k, keyNorm, meeting.keyState, pass)
    let readers = readsSource ? Array(inputLinears.prefix(1)) : inputLinears
    let x = readers.contains { $0.needsInput } ? input() : nil
    switch projection {
    case .joined(let linear): linear.backward(joined!, x: x, into: dx, pass)
    case .separate(let queries, let keys, let values):
      queries.backward(dq, x: x, into: dx, pass)
      let pairs = [(keys, dk), (values, d.v)]
      if readsSource {
        let source = context.requiredSource
        backward(pairs, x: source.states, addingTo: context.dStates, source.pass)
      } else {
        backward(pairs, x: x, addingTo: dx, pass)
      }
    }
  }

  /// Adds the gradient of what keys and values are made of to `total`, if it is asked for.
  private func backward(
    _ pairs: [(linear: Linear, dy: Matrix)], x: Matrix?, addingTo total: Matrix?, _ pass: Pass
  ) {
    let part = total.map { pass.scratch.matrix($0.rows, $0.columns) }
    for (linear, dy) in pairs {
      linear.backward(dy, x: x, into: part, pass)
      if let total, let part { total.add(part) }
    }
  }

  private func backwardNorm(_ dy: Matrix, _ norm: RMSNorm?, _ state: Normed?, _ pass: Pass) -> Matrix {
    guard let norm, let state else { return dy }
    let dx = pass.scratch.matrix(dy.rows, dy.columns)
    dx.fill(0)
    norm.backward(
      dy.reshaped(columns: core.headWidth), x: state.x, state.statistics,
      addingTo: dx.reshaped(columns: core.headWidth))
    return dx
  }

  // MARK: Decoding

  /// Attention on the rows of a cache, into which the new keys and values go first.
  private func attend(
    _ x: Matrix, into attended: Matrix, _ decoding: StackContext.Decoding, _ context: StackContext
  ) {
    let pass = context.pass, bias = bias(context), q: Matrix
    guard let cache = readsSource ? decoding.cache.source : decoding.cache else {
      preconditionFailure("a cache without room for another stream's states")
    }
    if readsSource, context.source == nil {
      guard case .separate(let queries, _, _) = projection else { preconditionFailure("one map reads two streams") }
      let raw = pass.scratch.matrix(x.rows, core.width)
      queries.forward(x, into: raw, pass)
      q = normalize(raw, queryNorm, pass).0
      if let rotary { rotary.rotate(q, .forth, pass.rows) }
    } else {
      let met = prepare(x, readsSource ? context.requiredSource.states : x, context).inputs
      let rows = readsSource ? decoding.batch.sourceRows : decoding.batch.rows
      for (segment, place) in (readsSource ? decoding.batch.sourcePlaces : decoding.batch.places).enumerated() {
        let own = rows.range(of: segment)
        cache.write(met.k.rows(own), met.v.rows(own), layer: layer, to: place)
      }
      q = met.q
    }
    pass.measure(.attention) {
      core.attend(
        .init(q: q, k: cache.keys(layer), v: cache.values(layer)),
        decoding.plan(core, readsSource: readsSource, isBiased: bias != nil, pass), bias: bias, into: attended, pass)
    }
  }

  // MARK: Counting

  func rowCount(of linear: Linear, _ counts: RowCounts) -> Int {
    if linear === output { return counts.output }
    return readsSource && linear !== inputLinears[0] ? counts.source : counts.input
  }

  func scoreOperations(_ counts: RowCounts) -> Double {
    core.scoreOperations(queryCount: counts.input, keyCount: readsSource ? counts.source : counts.input)
  }

  func memory(_ counts: MemoryCounts) -> PassMemory {
    let rows = counts.rows, read = readsSource ? rows.source : rows.input
    let queries = rows.input * core.width, keys = read * core.keyWidth, selected = rows.output * core.width
    let longest = readsSource ? counts.longestSource : counts.longest
    func buffers(_ count: Int) -> Int { core.bufferMemory(longest: longest, matrices: count, threads: counts.threads) }
    let before = inputLinears.adapterMemory(rows: max(rows.input, read))
    let behind = output.adapterMemory(rows: rows.output)
    // Queries, keys, values and each row's log-sum-exp; what norms of heads read; what meets the last map.
    var kept = queries + 2 * keys + core.headCount * rows.input + before.kept + behind.kept
    if queryNorm != nil { kept += queries + core.headCount * rows.input }
    if keyNorm != nil { kept += keys + core.keyHeadCount * read }
    let keepsContext = output.needsInput, isSelecting = counts.isSelecting
    if keepsContext { kept += isSelecting ? selected : queries }
    let attended = (keepsContext && !isSelecting ? 0 : queries) + (isSelecting && !keepsContext ? selected : 0)
    let meeting = selected + (isSelecting ? queries : 0) + max(buffers(core.softCap == nil ? 2 : 3), behind.backward)
    let width = rows.input * inputLinears[0].inputs
    let apart: Bool = if case .separate = projection { true } else { false }
    let made =
      (queryNorm == nil ? 0 : queries) + (keyNorm == nil ? 0 : keys) + before.backward
      + (apart ? (readsSource ? read * inputLinears[0].inputs : width) : 0)
    return PassMemory(
      kept: kept, forward: max(before.forward, attended + max(buffers(1), behind.forward)),
      backward: queries + 2 * keys + max(meeting, made))
  }

  func work(_ counts: RowCounts) -> PassWork {
    var work = PassWork()
    let keyCount = readsSource ? counts.source : counts.input
    // Two products forward and five backward.
    work.attention = 14 * Double(core.width) * core.computedScores(queryCount: counts.input, keyCount: keyCount)
    if rotary != nil {
      work.elements += 4 * Double(core.width) * Double(counts.input) + 4 * Double(core.keyWidth) * Double(keyCount)
    }
    return work
  }
}
