import CKernels
import Tensors

/// Scaled dot-product attention of each position on itself and those before it, a sequence and a head at a time.
///
///     P = softmax(cap(scale Q Kᵀ), causal)        Y = P V        cap(s) = c tanh(s / c), or s
///
/// Probabilities are not kept: the backward pass computes them again from Q, K and each row's log-sum-exp, by blocks of
/// rows (Dao et al. 2022), so memory grows with the sequence and not with its square. Heads of queries may share a head
/// of keys and values (grouped queries, Ainslie et al. 2023): h shares head h / (heads / key heads).
public struct CausalAttention {
  public let headCount: Int
  /// Heads of keys and values; divides ``headCount``.
  public let keyHeadCount: Int
  /// Width of one head.
  public let headWidth: Int
  public let scale: Float
  /// c, the bound of scores (Gemma 2); nil: none.
  public let softCap: Float?
  /// Positions that one sees, its own among them; nil: all before it.
  public let window: Int?

  /// Rows of scores computed at a time.
  static let blockRows = 128

  public init(
    headCount: Int, keyHeadCount: Int? = nil, headWidth: Int, scale: Float, softCap: Float? = nil, window: Int? = nil
  ) {
    self.headCount = headCount
    self.keyHeadCount = keyHeadCount ?? headCount
    self.headWidth = headWidth
    self.scale = scale
    self.softCap = softCap
    self.window = window
    precondition(headCount % self.keyHeadCount == 0, "\(headCount) heads do not share \(self.keyHeadCount) evenly")
  }

  /// Width of the queries of a position, and of the output.
  var width: Int { headCount * headWidth }
  /// Width of the keys of a position, and of the values.
  var keyWidth: Int { keyHeadCount * headWidth }

  /// Queries (tokens, heads · width), keys and values (tokens, key heads · width), of any stride.
  public struct Inputs {
    public let q, k, v: Matrix

    public init(q: Matrix, k: Matrix, v: Matrix) {
      self.q = q
      self.k = k
      self.v = v
    }
  }

  /// Some queries of one sequence and head, and the keys that they see between them.
  private struct Block {
    let head: Int
    /// Rows of the batch.
    let queries, keys: Range<Int>
    let queryColumns, keyColumns: Range<Int>

    /// Keys before the first query's own.
    var first: Int { queries.lowerBound - keys.lowerBound }

    func part(of inputs: Inputs) -> Inputs {
      Inputs(
        q: inputs.q.rows(queries).columns(queryColumns), k: inputs.k.rows(keys).columns(keyColumns),
        v: inputs.v.rows(keys).columns(keyColumns))
    }

    func part(of y: Matrix) -> Matrix { y.rows(queries).columns(queryColumns) }

    /// The place of the block's first row in a matrix (heads, tokens).
    func start(in logSumExp: Matrix) -> UnsafeMutablePointer<Float> {
      logSumExp.base + head * logSumExp.stride + queries.lowerBound
    }
  }

  /// Sets y and returns each row's log-sum-exp, (heads, tokens).
  public func forward(_ inputs: Inputs, into y: Matrix, _ pass: Pass) -> Matrix {
    let logSumExp = pass.kept(headCount, y.rows)
    eachBlock(pass, bufferCount: 1) { block, buffers in
      let part = block.part(of: inputs), scores = buffers(0)
      let scale = setScores(scores, part)
      ck_causal_softmax(
        scores.rows, scores.columns, block.first, window ?? .max, scale, scores.base, scores.stride,
        block.start(in: logSumExp))
      block.part(of: y).set(scores.N, part.v.N)
    }
    return logSumExp
  }

  /// Q Kᵀ, capped if there is a cap; returns the scale that is still to be applied.
  private func setScores(_ scores: Matrix, _ part: Inputs) -> Float {
    scores.set(part.q.N, part.k.T)
    guard let softCap else { return scale }
    ck_soft_cap(scores.count, scale, softCap, scores.base)
    return 1
  }

  /// Sets the gradients of queries, keys and values.
  ///
  /// - Parameters:
  ///   - dy: Gradient of the output; y: the output; logSumExp: what the forward pass returned.
  ///   - gradient: Receives dQ, dK and dV.
  public func backward(
    _ dy: Matrix, y: Matrix, logSumExp: Matrix, _ inputs: Inputs, into gradient: Inputs, _ pass: Pass
  ) {
    gradient.k.fill(0)
    gradient.v.fill(0)
    let delta = pass.scratch.floats(Self.blockRows)
    eachBlock(pass, bufferCount: softCap == nil ? 2 : 3) { block, buffers in
      let part = block.part(of: inputs), out = block.part(of: gradient)
      let dyBlock = block.part(of: dy), yBlock = block.part(of: y)
      let p = buffers(0), dp = buffers(1)
      let scale = setScores(p, part)
      let capped = softCap.map { _ in buffers(2) }
      capped?.copy(from: p)
      ck_causal_softmax_again(
        p.rows, p.columns, block.first, window ?? .max, scale, p.base, p.stride, block.start(in: logSumExp))
      // Y = P V
      out.v.accumulate(p.T, dyBlock.N)
      dp.set(dyBlock.N, part.v.T)
      // P = softmax(S): dS = P (dP - rowsum(dP P)), and rowsum(dP P) = rowsum(dY Y)
      ck_row_products(p.rows, headWidth, dyBlock.base, dyBlock.stride, yBlock.base, yBlock.stride, delta)
      ck_softmax_backward(p.rows, p.columns, self.scale, p.base, dp.base, p.stride, delta)
      // S = cap(scale Q Kᵀ)
      if let softCap, let capped { ck_soft_cap_backward(dp.count, softCap, capped.base, dp.base) }
      out.q.set(dp.N, part.k.N)
      out.k.accumulate(dp.T, part.q.N)
    }
  }

  /// Calls `body` for every head, sequence and block of its rows, with matrices (queries, keys) to use.
  private func eachBlock(_ pass: Pass, bufferCount: Int, _ body: (_ block: Block, _ buffers: (Int) -> Matrix) -> Void) {
    let mark = pass.scratch.mark()
    let longest = (0..<pass.sequenceCount).map { pass.rows(of: $0).count }.max() ?? 0
    let area = min(Self.blockRows, longest) * longest
    let memory = pass.scratch.floats(bufferCount * area)
    for sequence in 0..<pass.sequenceCount {
      let rows = pass.rows(of: sequence)
      for head in 0..<headCount {
        let column = head * headWidth, keyColumn = head / (headCount / keyHeadCount) * headWidth
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.blockRows) {
          let end = min(start + Self.blockRows, rows.upperBound)
          let firstKey = window.map { max(rows.lowerBound, start + 1 - $0) } ?? rows.lowerBound
          let block = Block(
            head: head, queries: start..<end, keys: firstKey..<end, queryColumns: column..<column + headWidth,
            keyColumns: keyColumn..<keyColumn + headWidth)
          body(block) { Matrix(base: memory + $0 * area, rows: end - start, columns: end - firstKey) }
        }
      }
    }
    pass.scratch.release(to: mark)
  }

  /// One new position a sequence against its cached keys and values. Shapes: q and y (sequences, heads · width).
  public func step(_ q: Matrix, into y: Matrix, cache: KeyValueCache, layer: Int, slots: [Int], _ pass: Pass) {
    let mark = pass.scratch.mark()
    let scores = pass.scratch.floats(cache.capacity)
    for (row, slot) in slots.enumerated() {
      let length = cache.lengths[slot] + 1  // the new position's own key and value lie in the cache already
      let seen = max(0, length - (window ?? length))..<length
      let keys = cache.keys(layer, slot).rows(seen), values = cache.values(layer, slot).rows(seen)
      for head in 0..<headCount {
        let column = head * headWidth, keyColumn = head / (headCount / keyHeadCount) * headWidth
        ck_attend_one(
          seen.count, headWidth, scale, softCap ?? 0, q.base + row * q.stride + column, keys.base + keyColumn,
          values.base + keyColumn, keys.stride, scores, y.base + row * y.stride + column)
      }
    }
    pass.scratch.release(to: mark)
  }

  /// Multiply-adds of the scores of one sequence, as many as of the mixing of values.
  func scoreOperations(tokenCount: Int) -> Double {
    let tokens = Double(tokenCount), seen = min(tokens, Double(window ?? tokenCount))
    return Double(width) * (tokens - seen / 2) * seen
  }
}
