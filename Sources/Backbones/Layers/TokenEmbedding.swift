import Tensors

/// The rows that tokens, and in GPT-2 their positions, start with.
///
///     x = scale E[token]        or        E[token] + P[position]
struct TokenEmbedding {
  let tokens: Parameter
  /// P; nil where the model learns no positions.
  let positions: Parameter?
  /// Gemma's √width; 1 where positions are learnt.
  let scale: Float

  init(tokens: Parameter, positions: Parameter? = nil, scale: Float = 1) {
    precondition(positions == nil || scale == 1, "learnt positions are added to unscaled embeddings")
    (self.tokens, self.positions, self.scale) = (tokens, positions, scale)
  }

  var width: Int { tokens.shape[1] }
  var isTrained: Bool { tokens.isTrained || positions?.isTrained ?? false }

  /// Sets x, (tokens, width).
  func forward(_ ids: [Int32], positions places: [Int32], into x: Matrix) {
    tokens.matrix.lookUp(ids, scale: scale, into: x)
    positions?.matrix.addRows(at: places, to: x)
  }

  /// Adds the tables' gradients; d, the gradient of x, is overwritten.
  func backward(_ d: Matrix, _ batch: PackedBatch) {
    positions?.gradient?.addRows(d, at: batch.rows.positions)
    if let gradient = tokens.gradient {
      if scale != 1 { d.scale(by: scale) }
      gradient.addRows(d, at: batch.tokens)
    }
  }
}
