import CKernels
import Tensors

/// Dot-product attention of each sequence's queries on its keys, which may be rows of another stream: all of them, or
/// those up to the query's own place.
///
///     P = softmax(scale Q Kᵀ + B)        Y = P V        B: a bias by head and distance, or none
///
/// As in ``CausalAttention``, probabilities are computed again in the backward pass, by blocks of rows.
struct SequenceAttention {
  let headCount: Int
  /// Width of one head.
  let headWidth: Int
  /// 1 where there is a bias.
  let scale: Float
  /// Whether a query sees no key behind its own place.
  let isCausal: Bool

  /// Rows of scores computed at a time.
  static let blockRows = 128

  /// Width of queries, keys, values and of the output.
  var width: Int { headCount * headWidth }

  /// The rows of the two streams: those of the queries, and those of keys and values, as many sequences.
  struct Streams {
    let queries, keys: Pass

    /// Whether a sequence's queries have nothing to look at.
    var hasEmptyKeys: Bool { (0..<keys.sequenceCount).contains { keys.rows(of: $0).isEmpty } }
  }

  /// Some queries of one sequence and head, and the keys that they see between them.
  private struct Block {
    let head: Int
    /// Rows of the streams.
    let queries, keys: Range<Int>
    /// The first query's place in its sequence.
    let place: Int
    let columns: Range<Int>

    func part(of inputs: CausalAttention.Inputs) -> CausalAttention.Inputs {
      .init(
        q: inputs.q.rows(queries).columns(columns), k: inputs.k.rows(keys).columns(columns),
        v: inputs.v.rows(keys).columns(columns))
    }

    func part(of y: Matrix) -> Matrix { y.rows(queries).columns(columns) }

    /// The place of the block's first row in a matrix (heads, rows).
    func start(in logSumExp: Matrix) -> UnsafeMutablePointer<Float> {
      logSumExp.base + head * logSumExp.stride + queries.lowerBound
    }
  }

  /// Sets y and returns each row's log-sum-exp, (heads, rows).
  func forward(
    _ inputs: CausalAttention.Inputs, bias: DistanceBias?, into y: Matrix, _ streams: Streams
  ) -> Matrix {
    let logSumExp = streams.queries.kept(headCount, y.rows)
    if streams.hasEmptyKeys { y.fill(0) }
    eachBlock(streams, bufferCount: 1) { block, buffers in
      let part = block.part(of: inputs), scores = buffers(0)
      setScores(scores, part, bias, block)
      ck_causal_softmax(
        scores.rows, scores.columns, firstPlace(block), .max, scale, scores.base, scores.stride,
        block.start(in: logSumExp))
      block.part(of: y).set(scores.N, part.v.N)
    }
    return logSumExp
  }

  private func setScores(
    _ scores: Matrix, _ part: CausalAttention.Inputs, _ bias: DistanceBias?, _ block: Block
  ) {
    scores.set(part.q.N, part.k.T)
    guard let bias else { return }
    precondition(scale == 1, "biased scores are not scaled")
    ck_add_distances(
      scores.rows, scores.columns, bias.center(head: block.head) - block.place, scores.base, scores.stride)
  }

  /// What the softmax takes for the first row's place: behind the last key where every key is seen.
  private func firstPlace(_ block: Block) -> Int { isCausal ? block.place : block.keys.count }

  /// Sets the gradients of queries, keys and values.
  ///
  /// - Parameters:
  ///   - dy: Gradient of the output; y: the output; logSumExp: what the forward pass returned.
  ///   - gradient: Receives dQ, dK and dV.
  ///   - dBias: The bias's gradient is added to it, if given.
  func backward(
    _ dy: Matrix, y: Matrix, logSumExp: Matrix, _ inputs: CausalAttention.Inputs, bias: DistanceBias?,
    into gradient: CausalAttention.Inputs, dBias: DistanceBias?, _ streams: Streams
  ) {
    gradient.k.fill(0)
    gradient.v.fill(0)
    if streams.hasEmptyKeys { gradient.q.fill(0) }
    let delta = streams.queries.scratch.floats(Self.blockRows)
    eachBlock(streams, bufferCount: 2) { block, buffers in
      let part = block.part(of: inputs), out = block.part(of: gradient)
      let dyBlock = block.part(of: dy), yBlock = block.part(of: y)
      let p = buffers(0), dp = buffers(1)
      setScores(p, part, bias, block)
      ck_causal_softmax_again(
        p.rows, p.columns, firstPlace(block), .max, scale, p.base, p.stride, block.start(in: logSumExp))
      // Y = P V
      out.v.accumulate(p.T, dyBlock.N)
      dp.set(dyBlock.N, part.v.T)
      // P = softmax(S): dS = P (dP - rowsum(dP P)), and rowsum(dP P) = rowsum(dY Y)
      ck_row_products(p.rows, headWidth, dyBlock.base, dyBlock.stride, yBlock.base, yBlock.stride, delta)
      ck_softmax_backward(p.rows, p.columns, scale, p.base, dp.base, p.stride, delta)
      // S = scale Q Kᵀ + B
      if let dBias {
        ck_add_distance_sums(dp.rows, dp.columns, dp.base, dp.stride, dBias.center(head: block.head) - block.place)
      }
      out.q.set(dp.N, part.k.N)
      out.k.accumulate(dp.T, part.q.N)
    }
  }

  /// Calls `body` for every head, sequence and block of its rows, with matrices (queries, keys) to use.
  private func eachBlock(
    _ streams: Streams, bufferCount: Int, _ body: (_ block: Block, _ buffers: (Int) -> Matrix) -> Void
  ) {
    let scratch = streams.queries.scratch, mark = scratch.mark()
    let area = min(Self.blockRows, streams.queries.longestSequence) * streams.keys.longestSequence
    let memory = scratch.floats(bufferCount * area)
    for sequence in 0..<streams.queries.sequenceCount {
      let rows = streams.queries.rows(of: sequence), keys = streams.keys.rows(of: sequence)
      for head in 0..<headCount where !keys.isEmpty {
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.blockRows) {
          let end = min(start + Self.blockRows, rows.upperBound)
          let lastKey = isCausal ? keys.lowerBound + end - rows.lowerBound : keys.upperBound
          let block = Block(
            head: head, queries: start..<end, keys: keys.lowerBound..<lastKey, place: start - rows.lowerBound,
            columns: head * headWidth..<(head + 1) * headWidth)
          body(block) { Matrix(base: memory + $0 * area, rows: end - start, columns: block.keys.count) }
        }
      }
    }
    scratch.release(to: mark)
  }

  /// One new query a sequence against the first cached keys and values of a slot.
  ///
  /// - Parameters:
  ///   - q: (sequences, heads · width), as y.
  ///   - slots: Each sequence's slot.
  ///   - lengths: How many positions of its slot each sequence sees; its own is the last where there is a bias.
  func step(
    _ q: Matrix, bias: DistanceBias?, into y: Matrix, cache: KeyValueCache, layer: Int, slots: [Int], lengths: [Int],
    scratch: Workspace
  ) {
    let mark = scratch.mark()
    let scores = scratch.floats(lengths.max() ?? 0)
    for (row, slot) in slots.enumerated() {
      let keys = cache.keys(layer, slot), values = cache.values(layer, slot), length = lengths[row]
      for head in 0..<headCount {
        let column = head * headWidth, query = q.base + row * q.stride + column
        let result = y.base + row * y.stride + column
        if let bias {
          ck_attend_one_biased(
            length, headWidth, bias.center(head: head) - (length - 1), query, keys.base + column,
            values.base + column, keys.stride, scores, result)
        } else {
          ck_attend_one(
            length, headWidth, scale, 0, query, keys.base + column, values.base + column, keys.stride, scores, result)
        }
      }
    }
    scratch.release(to: mark)
  }
}
