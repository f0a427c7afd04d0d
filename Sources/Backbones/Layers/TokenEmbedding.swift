import CKernels
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
    guard let positions else {
      return ck_embed_scaled(x.rows, x.columns, ids, tokens.values, scale, x.base)
    }
    ck_embed(x.rows, x.columns, ids, places, tokens.values, positions.values, x.base)
  }

  /// Adds the tables' gradients; d, the gradient of x, is overwritten.
  func backward(_ d: Matrix, _ batch: PackedBatch) {
    if let gradient = positions?.gradient {
      ck_scatter_add_rows(d.rows, d.columns, batch.rows.positions, d.base, d.stride, gradient)
    }
    if let gradient = tokens.gradient {
      if scale != 1 { ck_scale(d.count, scale, d.base) }
      ck_scatter_add_rows(d.rows, d.columns, batch.tokens, d.base, d.stride, gradient)
    }
  }
}
