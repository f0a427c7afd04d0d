import Tensors

/// Scaled dot-product attention of each segment's queries on the keys that it sees, a segment and a head at a time.
///
///     P = softmax(cap(scale Q Kᵀ) + B, mask)        Y = P V        cap(s) = c tanh(s / c), or s
///
/// B is a bias by head and distance (T5), or none. Probabilities are not kept: the backward pass computes them again
/// from Q, K and each row's log-sum-exp, by blocks of rows (Dao et al. 2022), so memory grows with the segment and not
/// with its square. Heads of queries may share a head of keys and values (grouped queries, Ainslie et al. 2023): h
/// shares head h / (heads / key heads).
public struct Attention {
  /// Which of its segment's keys a query sees.
  public enum Mask: Sendable {
    /// Those up to its own, and the segment's visible prefix (``KeyRanges/visible``).
    case causal
    /// All.
    case full
  }

  public let headCount: Int
  /// Heads of keys and values; divides ``headCount``.
  public let keyHeadCount: Int
  /// Width of one head.
  public let headWidth: Int
  /// 1 where there is a bias.
  public let scale: Float
  public let mask: Mask
  /// c, the bound of scores (Gemma 2); nil: none.
  public let softCap: Float?
  /// Keys that a query sees, its own among them; nil: all before it.
  public let window: Int?

  /// Rows of scores computed at a time.
  static let blockRows = 128

  public init(
    headCount: Int, keyHeadCount: Int? = nil, headWidth: Int, scale: Float, mask: Mask = .causal,
    softCap: Float? = nil, window: Int? = nil
  ) {
    self.headCount = headCount
    self.keyHeadCount = keyHeadCount ?? headCount
    self.headWidth = headWidth
    self.scale = scale
    self.mask = mask
    self.softCap = softCap
    self.window = window
    precondition(headCount % self.keyHeadCount == 0, "\(headCount) heads do not share \(self.keyHeadCount) evenly")
    precondition(window == nil || mask == .causal, "a window looks back from a query's own key")
  }

  /// Width of the queries of a position, and of the output.
  var width: Int { headCount * headWidth }
  /// Width of the keys of a position, and of the values.
  var keyWidth: Int { keyHeadCount * headWidth }

  /// Queries (rows, heads · width), keys and values (rows, key heads · width), of any stride. Keys and values may be
  /// rows of another stream.
  public struct Inputs {
    public let q, k, v: Matrix

    public init(q: Matrix, k: Matrix, v: Matrix) {
      self.q = q
      self.k = k
      self.v = v
    }
  }

  /// Sets y and returns each row's log-sum-exp, (heads, rows).
  ///
  /// - Parameters:
  ///   - keys: What each of the pass's segments sees.
  ///   - pass: Over the rows of the queries.
  func forward(
    _ inputs: Inputs, keys: [KeyRanges], bias: DistanceBias?, into y: Matrix, _ pass: Pass
  ) -> Matrix {
    let logSumExp = pass.kept(headCount, y.rows)
    for (segment, seen) in keys.enumerated() where seen.count == 0 { y.rows(pass.rows(of: segment)).fill(0) }
    eachBlock(keys, pass, bufferCount: 1) { block, head, buffers in
      let scores = buffers(0), q = queries(inputs.q, block, head), out = queries(y, block, head)
      let scale = setScores(scores, q, inputs.k, bias, block, head)
      scores.applySoftmax(block.mask, scale: scale, logSumExp: sums(logSumExp, block, head))
      // Y = P V
      for (index, piece) in block.pieces.enumerated() {
        let v = self.keys(inputs.v, piece.rows, head)
        out.accumulate(scores.columns(piece.columns).N, v.N, beta: index == 0 ? 0 : 1)
      }
    }
    return logSumExp
  }

  /// Q Kᵀ, capped and biased where that is asked for; returns the scale that is still to be applied.
  private func setScores(
    _ scores: Matrix, _ q: Matrix, _ k: Matrix, _ bias: DistanceBias?, _ block: Block, _ head: Int
  ) -> Float {
    for piece in block.pieces { scores.columns(piece.columns).set(q.N, keys(k, piece.rows, head).T) }
    if let bias {
      precondition(scale == 1 && softCap == nil, "biased scores are neither scaled nor capped")
      scores.addDistances(bias.row(head: head, first: block.first))
    }
    guard let softCap else { return scale }
    scores.applySoftCap(softCap, scale: scale)
    return 1
  }

  /// Sets the gradients of queries, keys and values.
  ///
  /// - Parameters:
  ///   - dy: Gradient of the output; y: the output; logSumExp: what the forward pass returned.
  ///   - gradient: Receives dQ, dK and dV.
  ///   - dBias: The bias's gradient is added to it, if given.
  func backward(
    _ dy: Matrix, y: Matrix, logSumExp: Matrix, _ inputs: Inputs, keys: [KeyRanges], bias: DistanceBias?,
    into gradient: Inputs, dBias: DistanceBias?, _ pass: Pass
  ) {
    gradient.k.fill(0)
    gradient.v.fill(0)
    for (segment, seen) in keys.enumerated() where seen.count == 0 { gradient.q.rows(pass.rows(of: segment)).fill(0) }
    let delta = pass.scratch.matrix(1, Self.blockRows)
    eachBlock(keys, pass, bufferCount: softCap == nil ? 2 : 3) { block, head, buffers in
      let q = queries(inputs.q, block, head), dq = queries(gradient.q, block, head)
      let dyBlock = queries(dy, block, head), yBlock = queries(y, block, head)
      let p = buffers(0), dp = buffers(1)
      let scale = setScores(p, q, inputs.k, bias, block, head)
      let capped = softCap.map { _ in buffers(2) }
      capped?.copy(from: p)
      p.applySoftmax(again: block.mask, scale: scale, logSumExp: sums(logSumExp, block, head))
      // Y = P V
      for piece in block.pieces {
        self.keys(gradient.v, piece.rows, head).accumulate(p.columns(piece.columns).T, dyBlock.N)
        dp.columns(piece.columns).set(dyBlock.N, self.keys(inputs.v, piece.rows, head).T)
      }
      // P = softmax(S): dS = P (dP - rowsum(dP P)), and rowsum(dP P) = rowsum(dY Y)
      let delta = delta.columns(0..<p.rows)
      delta.setRowProducts(dyBlock, yBlock)
      dp.applySoftmaxGradient(p, scale: self.scale, delta: delta)
      // S = cap(scale Q Kᵀ) + B
      if let dBias { dp.addDistanceSums(to: dBias.row(head: head, first: block.first)) }
      if let softCap, let capped { dp.multiplyBySoftCapSlope(softCap, at: capped) }
      for (index, piece) in block.pieces.enumerated() {
        let d = dp.columns(piece.columns)
        dq.accumulate(d.N, self.keys(inputs.k, piece.rows, head).N, beta: index == 0 ? 0 : 1)
        self.keys(gradient.k, piece.rows, head).accumulate(d.T, q.N)
      }
    }
  }

  /// One new query a slot against cached keys and values. Shapes: q and y (slots, heads · width).
  ///
  /// - Parameter lengths: How many positions of its slot each query has before it and at its own.
  func step(
    _ q: Matrix, bias: DistanceBias?, into y: Matrix, cache: KeyValueCache, layer: Int, slots: [Int], lengths: [Int],
    scratch: Workspace
  ) {
    let mark = scratch.mark()
    let scores = scratch.matrix(1, lengths.max() ?? 0)
    for (row, (slot, length)) in zip(slots, lengths).enumerated() {
      let seen = max(0, length - (window ?? length))..<length
      let keys = cache.keys(layer, slot).rows(seen), values = cache.values(layer, slot).rows(seen)
      for head in 0..<headCount {
        let columns = head * headWidth..<(head + 1) * headWidth
        y.rows(row..<row + 1).columns(columns).setAttention(
          q.rows(row..<row + 1).columns(columns), keys: keys.columns(keyColumns(head)),
          values: values.columns(keyColumns(head)), scale: scale, softCap: softCap,
          bias: bias?.row(head: head, first: 0), scores: scores)
      }
    }
    scratch.release(to: mark)
  }

  /// Multiply-adds of the scores of one segment, as many as of the mixing of values.
  func scoreOperations(queryCount: Int, keyCount: Int) -> Double {
    let queries = Double(queryCount), keys = Double(keyCount)
    guard mask == .causal else { return Double(width) * queries * keys }
    let seen = min(keys, Double(window ?? keyCount))
    return Double(width) * (queries - seen / 2) * seen
  }
}

// MARK: Blocks

extension Attention {
  /// Some queries of one segment, and the keys that they see between them.
  private struct Block {
    /// Rows of the queries.
    let queries: Range<Int>
    /// The keys' rows, and their columns in the block's scores.
    let pieces: [(rows: Range<Int>, columns: Range<Int>)]
    let columnCount: Int
    let mask: ScoreMask

    /// The column of the first query's own key.
    var first: Int { mask.first }
  }

  private func keyColumns(_ head: Int) -> Range<Int> {
    let start = head / (headCount / keyHeadCount) * headWidth
    return start..<start + headWidth
  }

  /// A head's part of the queries' rows.
  private func queries(_ x: Matrix, _ block: Block, _ head: Int) -> Matrix {
    x.rows(block.queries).columns(head * headWidth..<(head + 1) * headWidth)
  }

  /// A head's part of some keys or values.
  private func keys(_ x: Matrix, _ rows: Range<Int>, _ head: Int) -> Matrix { x.rows(rows).columns(keyColumns(head)) }

  /// A head's numbers of the block's rows in a matrix (heads, rows).
  private func sums(_ logSumExp: Matrix, _ block: Block, _ head: Int) -> Matrix {
    logSumExp.rows(head..<head + 1).columns(block.queries)
  }

  /// A segment's rows in blocks; none where it sees no key.
  private func blocks(_ rows: Range<Int>, seeing keys: KeyRanges) -> [Block] {
    let keyCount = keys.count, before = keyCount - rows.count
    guard keyCount > 0 else { return [] }
    precondition(mask == .full || before >= 0, "\(rows.count) queries, but \(keyCount) keys: theirs must be among them")
    precondition(window == nil || keys.visible == 0, "a window would hide the visible prefix")
    return stride(from: 0, to: rows.count, by: Self.blockRows).map { place in
      let end = min(place + Self.blockRows, rows.count)
      let seen =
        switch mask {
        case .full: 0..<keyCount
        case .causal:
          max(0, window.map { before + place + 1 - $0 } ?? 0)..<max(before + end, keys.visible)
        }
      return Block(
        queries: rows.lowerBound + place..<rows.lowerBound + end, pieces: keys.pieces(seen), columnCount: seen.count,
        mask: ScoreMask(
          first: (mask == .full ? place : before + place) - seen.lowerBound,
          visible: mask == .full ? seen.count : keys.visible, window: window))
    }
  }

  /// Calls `body` for every segment, head and block of its rows, with matrices (queries, keys) to use.
  private func eachBlock(
    _ keys: [KeyRanges], _ pass: Pass, bufferCount: Int,
    _ body: (_ block: Block, _ head: Int, _ buffers: (Int) -> Matrix) -> Void
  ) {
    let mark = pass.scratch.mark()
    let area = min(Self.blockRows, pass.rows.longestSegment) * keys.reduce(0) { max($0, $1.count) }
    let memory = pass.scratch.floats(bufferCount * area)
    for (segment, seen) in keys.enumerated() {
      let blocks = blocks(pass.rows(of: segment), seeing: seen)
      for head in 0..<headCount {
        for block in blocks {
          body(block, head) {
            Matrix(base: memory + $0 * area, rows: block.queries.count, columns: block.columnCount)
          }
        }
      }
    }
    pass.scratch.release(to: mark)
  }
}
