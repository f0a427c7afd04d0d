import CKernels
import Tensors

/// Scaled dot-product attention of each position on itself and those before it, a sequence and a head at a time.
///
///     P = softmax(scale Q Kᵀ, causal)        Y = P V
///
/// Probabilities are not kept: the backward pass computes them again from Q, K and each row's log-sum-exp, by blocks of
/// rows (Dao et al. 2022), so memory grows with the sequence and not with its square.
public struct CausalAttention {
  public let headCount: Int
  /// Width of one head.
  public let headWidth: Int
  public let scale: Float

  /// Rows of scores computed at a time.
  static let blockRows = 128

  public init(headCount: Int, headWidth: Int, scale: Float) {
    self.headCount = headCount
    self.headWidth = headWidth
    self.scale = scale
  }

  /// Queries, keys and values, each (tokens, heads · width), of any stride.
  public struct Inputs {
    public let q, k, v: Matrix

    public init(q: Matrix, k: Matrix, v: Matrix) {
      self.q = q
      self.k = k
      self.v = v
    }

    /// One sequence's rows and one head's columns.
    func slice(rows: Range<Int>, columns: Range<Int>) -> Inputs {
      Inputs(
        q: q.rows(rows).columns(columns), k: k.rows(rows).columns(columns), v: v.rows(rows).columns(columns))
    }
  }

  /// Sets y and returns each row's log-sum-exp, (heads, tokens).
  public func forward(_ inputs: Inputs, into y: Matrix, _ pass: Pass) -> Matrix {
    let logSumExp = pass.kept(headCount, y.rows)
    eachBlock(pass) { head, sequence, block, end, scores, _ in
      let columns = head * headWidth..<(head + 1) * headWidth
      let part = inputs.slice(rows: sequence, columns: columns)
      scores.set(part.q.rows(block).N, part.k.rows(0..<end).T)
      let rows = sequence.lowerBound + block.lowerBound
      ck_causal_softmax(
        block.count, end, block.lowerBound, scale, scores.base, scores.stride,
        logSumExp.base + head * logSumExp.stride + rows)
      y.rows(rows..<rows + block.count).columns(columns).set(scores.N, part.v.rows(0..<end).N)
    }
    return logSumExp
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
    eachBlock(pass) { head, sequence, block, end, p, dp in
      let columns = head * headWidth..<(head + 1) * headWidth
      let part = inputs.slice(rows: sequence, columns: columns)
      let out = gradient.slice(rows: sequence, columns: columns)
      let rows = sequence.lowerBound + block.lowerBound
      let dyBlock = dy.rows(rows..<rows + block.count).columns(columns)
      let yBlock = y.rows(rows..<rows + block.count).columns(columns)
      p.set(part.q.rows(block).N, part.k.rows(0..<end).T)
      ck_causal_softmax_again(
        block.count, end, block.lowerBound, scale, p.base, p.stride,
        logSumExp.base + head * logSumExp.stride + rows)
      // Y = P V
      out.v.rows(0..<end).accumulate(p.T, dyBlock.N)
      dp.set(dyBlock.N, part.v.rows(0..<end).T)
      // P = softmax(S): dS = P (dP - rowsum(dP P)), and rowsum(dP P) = rowsum(dY Y)
      ck_row_products(block.count, headWidth, dyBlock.base, dyBlock.stride, yBlock.base, yBlock.stride, delta)
      ck_softmax_backward(block.count, end, scale, p.base, dp.base, p.stride, delta)
      // S = scale Q Kᵀ
      out.q.rows(block).set(dp.N, part.k.rows(0..<end).N)
      out.k.rows(0..<end).accumulate(dp.T, part.q.rows(block).N)
    }
  }

  /// Calls `body` for every head, sequence and block of its rows, with two score matrices (block, end) to use; `end` is
  /// how many keys the block's last row sees.
  private func eachBlock(
    _ pass: Pass,
    _ body: (_ head: Int, _ sequence: Range<Int>, _ block: Range<Int>, _ end: Int, Matrix, Matrix) -> Void
  ) {
    let mark = pass.scratch.mark()
    let longest = (0..<pass.sequenceCount).map { pass.rows(of: $0).count }.max() ?? 0
    let area = min(Self.blockRows, longest) * longest
    let first = pass.scratch.floats(area), second = pass.scratch.floats(area)
    for sequence in 0..<pass.sequenceCount {
      let rows = pass.rows(of: sequence)
      for head in 0..<headCount {
        for start in stride(from: 0, to: rows.count, by: Self.blockRows) {
          let end = min(start + Self.blockRows, rows.count)
          body(
            head, rows, start..<end, end, Matrix(base: first, rows: end - start, columns: end),
            Matrix(base: second, rows: end - start, columns: end))
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
      let (keys, values) = (cache.keys(layer, slot), cache.values(layer, slot))
      for head in 0..<headCount {
        let column = head * headWidth
        ck_attend_one(
          length, headWidth, scale, q.base + row * q.stride + column, keys.base + column, values.base + column,
          keys.stride, scores, y.base + row * y.stride + column)
      }
    }
    pass.scratch.release(to: mark)
  }
}
