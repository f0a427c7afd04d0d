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
    run(blocks(keys, pass).flatMap { $0 }, inputs, bias, into: y, logSumExp: logSumExp, pass)
    return logSumExp
  }

  /// Sets the blocks' rows of y, and their log-sum-exps.
  func run(
    _ blocks: [Block], _ inputs: Inputs, _ bias: DistanceBias?, into y: Matrix, logSumExp: Matrix, _ pass: Pass
  ) {
    // Blocks and heads do not meet; the longest are begun first.
    let blocks = blocks.sorted { $0.scoreCount > $1.scoreCount }
    withBuffers(for: blocks, count: 1, pass) { buffers in
      Threads.run(blocks.count * headCount, work: work(blocks)) { task, place in
        let block = blocks[task / headCount], head = task % headCount
        let scores = buffers.scores(0, block, place), out = queries(y, block, head)
        let scale = setScores(scores, queries(inputs.q, block, head), inputs.k, bias, block, head)
        scores.applySoftmax(block.mask, scale: scale, logSumExp: sums(logSumExp, block, head))
        // Y = P V
        for (index, piece) in block.pieces.enumerated() {
          let v = self.keys(inputs.v, piece.rows, head)
          out.accumulate(scores.columns(piece.columns).N, v.N, beta: index == 0 ? 0 : 1)
        }
      }
    }
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
  ///   - dy: Gradient of the output; logSumExp: what the forward pass returned.
  ///   - gradient: Receives dQ, dK and dV.
  ///   - dBias: The bias's gradient is added to it, if given.
  func backward(
    _ dy: Matrix, logSumExp: Matrix, _ inputs: Inputs, keys: [KeyRanges], bias: DistanceBias?,
    into gradient: Inputs, dBias: DistanceBias?, _ pass: Pass
  ) {
    gradient.k.fill(0)
    gradient.v.fill(0)
    for (segment, seen) in keys.enumerated() where seen.count == 0 { gradient.q.rows(pass.rows(of: segment)).fill(0) }
    let backward = Backward(
      dy: dy, logSumExp: logSumExp, inputs: inputs, gradient: gradient, bias: bias, dBias: dBias)
    let blocks = blocks(keys, pass)
    // Gradients of keys, and of biases by distance, are sums over blocks: what meets in one is done in order.
    let chains = dBias == nil ? keys.meeting.map { $0.map { blocks[$0] } } : [blocks]
    let order = chains.map { (chain: $0, scoreCount: $0.joined().reduce(0) { $0 + $1.scoreCount }) }
      .sorted { $0.scoreCount > $1.scoreCount }
    withBuffers(for: Array(blocks.joined()), count: softCap == nil ? 2 : 3, pass) { buffers in
      Threads.run(order.count * keyHeadCount, work: work(blocks.joined())) { task, place in
        let group = headCount / keyHeadCount, first = task % keyHeadCount * group
        for segment in order[task / keyHeadCount].chain {
          for head in first..<first + group {
            for block in segment { add(backward, block, head, buffers, place) }
          }
        }
      }
    }
  }

  /// What the backward pass reads and writes.
  private struct Backward {
    let dy, logSumExp: Matrix
    let inputs, gradient: Inputs
    let bias, dBias: DistanceBias?
  }

  /// Sets dQ of a head's block, and adds its parts of the other gradients.
  private func add(_ pass: Backward, _ block: Block, _ head: Int, _ buffers: Buffers, _ place: Int) {
    let (inputs, gradient) = (pass.inputs, pass.gradient)
    let q = queries(inputs.q, block, head), dq = queries(gradient.q, block, head)
    let dy = queries(pass.dy, block, head)
    let p = buffers.scores(0, block, place), dp = buffers.scores(1, block, place)
    let scale = setScores(p, q, inputs.k, pass.bias, block, head)
    let capped = softCap.map { _ in buffers.scores(2, block, place) }
    capped?.copy(from: p)
    p.applySoftmax(again: block.mask, scale: scale, logSumExp: sums(pass.logSumExp, block, head))
    // Y = P V
    for piece in block.pieces {
      keys(gradient.v, piece.rows, head).accumulate(p.columns(piece.columns).T, dy.N)
      dp.columns(piece.columns).set(dy.N, keys(inputs.v, piece.rows, head).T)
    }
    // P = softmax(S): dS = P (dP - rowsum(dP P))
    let delta = buffers.row(block, place)
    delta.setRowProducts(dp, p)
    dp.applySoftmaxGradient(p, scale: self.scale, delta: delta)
    // S = cap(scale Q Kᵀ) + B
    if let dBias = pass.dBias { dp.addDistanceSums(to: dBias.row(head: head, first: block.first)) }
    if let softCap, let capped { dp.multiplyBySoftCapSlope(softCap, at: capped) }
    for (index, piece) in block.pieces.enumerated() {
      let d = dp.columns(piece.columns)
      dq.accumulate(d.N, keys(inputs.k, piece.rows, head).N, beta: index == 0 ? 0 : 1)
      keys(gradient.k, piece.rows, head).accumulate(d.T, q.N)
    }
  }

  /// Multiply-adds of the scores of one segment, as many as of the mixing of values.
  func scoreOperations(queryCount: Int, keyCount: Int) -> Double {
    let queries = Double(queryCount), keys = Double(keyCount)
    guard mask == .causal else { return Double(width) * queries * keys }
    let seen = min(keys, Double(window ?? keyCount))
    return Double(width) * (queries - seen / 2) * seen
  }
}
