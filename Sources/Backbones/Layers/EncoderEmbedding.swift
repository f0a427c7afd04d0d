import Tensors

/// What an encoder's tokens start with.
///
///     x = norm(E[token] + P[place] + S[segment])
struct EncoderEmbedding {
  let tokens, positions, segments: Parameter
  let norm: LayerNorm
  /// RoBERTa's padding token: places count on from behind it, and padding tokens have its own. nil: places count from
  /// 0.
  let paddingId: Int32?

  var width: Int { tokens.shape[1] }
  var isTrained: Bool { [tokens, positions, segments].contains(where: \.isTrained) || norm.isTrained }

  /// Each token's row of P.
  func places(_ batch: PackedBatch) -> [Int32] {
    guard let paddingId else { return batch.rows.positions }
    var next = paddingId
    return zip(batch.tokens, batch.rows.positions).map { token, position in
      if position == 0 { next = paddingId }
      guard token != paddingId else { return paddingId }
      next += 1
      return next
    }
  }

  /// Sets `sums`, what the norm reads, and x, both (tokens, width).
  func forward(_ batch: PackedBatch, sums: Matrix, into x: Matrix, _ pass: Pass) -> NormStatistics {
    tokens.matrix.lookUp(batch.tokens, into: sums)
    positions.matrix.addRows(at: places(batch), to: sums)
    segments.matrix.addRows(at: batch.tokenTypes, to: sums)
    return norm.forward(sums, into: x, pass)
  }

  /// Adds the tables' and the norm's gradients, from that of x.
  func backward(_ d: Matrix, sums: Matrix, _ statistics: NormStatistics, _ batch: PackedBatch, _ pass: Pass) {
    let mark = pass.scratch.mark(), dSums = pass.scratch.matrix(d.rows, width)
    dSums.fill(0)
    norm.backward(d, x: sums, statistics, addingTo: dSums)
    for (table, rows) in [(tokens, batch.tokens), (positions, places(batch)), (segments, batch.tokenTypes)] {
      table.gradient?.addRows(dSums, at: rows)
    }
    pass.scratch.release(to: mark)
  }
}
