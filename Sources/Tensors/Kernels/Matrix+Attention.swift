import CKernels

/// The columns that rows of attention scores keep.
public struct ScoreMask {
  /// The first row's own column; row i's is i behind it.
  public let first: Int
  /// Columns that every row keeps, from the first on; 0 with a window.
  public let visible: Int
  /// How many of the columns up to its own a row keeps; nil: all.
  public let window: Int?

  public init(first: Int, visible: Int, window: Int?) {
    (self.first, self.visible, self.window) = (first, visible, window)
  }
}

/// A vector of biases by distance, of which a matrix's element (i, j) has the one at origin + j - i.
public struct DistanceRow {
  let values: Matrix
  let origin: Int

  public init(_ values: Matrix, origin: Int) { (self.values, self.origin) = (values, origin) }

  /// Where element (0, 0)'s lies, checked for a matrix of a shape.
  fileprivate func pointer(rows: Int, columns: Int) -> UnsafeMutablePointer<Float> {
    precondition(
      values.rows == 1 && origin - rows + 1 >= 0 && origin + columns <= values.columns,
      "distances of (\(rows), \(columns)) at \(origin) of \(values.shape)")
    return values.base + origin
  }
}

/// Attention on blocks of scores, (queries, keys).
extension Matrix {
  /// Scores become probabilities: the softmax of scale times the columns that `mask` keeps, the others 0.
  ///
  /// - Parameter logSumExp: Receives that of each row's scaled scores. Shape: (1, queries).
  public func applySoftmax(_ mask: ScoreMask, scale: Float, logSumExp: Matrix) {
    requireVector(logSumExp, rows)
    eachBlock { block in
      ck_masked_softmax(
        block.count, columns, mask.first + block.lowerBound, mask.window ?? .max, mask.visible, scale,
        start(of: block), stride, logSumExp.base + block.lowerBound)
    }
  }

  /// Scores become the same probabilities again, from kept log-sum-exps.
  public func applySoftmax(again mask: ScoreMask, scale: Float, logSumExp: Matrix) {
    requireVector(logSumExp, rows)
    eachBlock { block in
      ck_masked_softmax_again(
        block.count, columns, mask.first + block.lowerBound, mask.window ?? .max, mask.visible, scale,
        start(of: block), stride, logSumExp.base + block.lowerBound)
    }
  }

  /// A gradient by probabilities P becomes that by the scores: scale P ∘ (self - delta).
  ///
  /// - Parameter delta: Σ P ∘ self of each row. Shape: (1, queries).
  public func applySoftmaxGradient(_ p: Matrix, scale: Float, delta: Matrix) {
    requireShape(p)
    precondition(stride == p.stride, "probabilities of stride \(p.stride) beside \(stride)")
    requireVector(delta, rows)
    eachBlock { rows in
      ck_softmax_backward(
        rows.count, columns, scale, p.start(of: rows), start(of: rows), stride, delta.base + rows.lowerBound)
    }
  }

  /// Sets a vector to the products of the rows of two matrices. Shape: (1, rows).
  public func setRowProducts(_ a: Matrix, _ b: Matrix) {
    a.requireShape(b)
    requireVector(self, a.rows)
    a.eachBlock { rows in
      ck_row_products(
        rows.count, a.columns, a.start(of: rows), a.stride, b.start(of: rows), b.stride, base + rows.lowerBound)
    }
  }

  /// Adds to each element the bias of its distance.
  public func addDistances(_ biases: DistanceRow) {
    let bias = biases.pointer(rows: rows, columns: columns)
    eachBlock { ck_add_distances($0.count, columns, bias - $0.lowerBound, start(of: $0), stride) }
  }

  /// Adds to each distance the elements that have it.
  public func addDistanceSums(to biases: DistanceRow) {
    ck_add_distance_sums(rows, columns, base, stride, biases.pointer(rows: rows, columns: columns))
  }

  /// Sets a vector to the attention of some heads of one query on some keys and values, head by head:
  /// softmax(cap(scale q Kᵀ) + bias) V.
  ///
  /// Shapes: q and self (1, heads · width), keys and values (keys, key heads · width) of one stride. As many heads in a
  /// row share a head of keys as there are more of them.
  ///
  /// - Parameters:
  ///   - softCap: nil: none.
  ///   - bias: Of one head, of which the last key has the one at the origin; nil: none.
  ///   - scores: Memory for a number a head and key.
  ///   - logSumExp: Receives that of each head's scores. Shape: (1, heads).
  public func setAttention(
    _ q: Matrix, keys: Matrix, values: Matrix, headWidth: Int, scale: Float, softCap: Float?, bias: DistanceRow?,
    scores: Matrix, logSumExp: Matrix
  ) {
    let headCount = columns / headWidth, sharing = columns / keys.columns
    requireVector(q, columns)
    requireVector(self, columns)
    requireVector(logSumExp, headCount)
    values.requireShape(keys)
    precondition(
      keys.columns * sharing == columns && keys.stride == values.stride, "\(keys.shape) for a query \(q.shape)")
    precondition(scores.count >= headCount * keys.rows, "\(scores.count) scores of \(headCount) · \(keys.rows) keys")
    precondition(bias == nil || headCount == 1, "one head's bias for \(headCount)")
    ck_attend_one(
      headCount, sharing, keys.rows, headWidth, scale, softCap ?? 0,
      bias.map { $0.pointer(rows: keys.rows, columns: 1) + 1 - keys.rows }, q.base, keys.base, values.base,
      keys.stride, scores.base, base, logSumExp.base)
  }

  /// Attention of some heads of one query on some keys becomes that on these and others.
  ///
  /// - Parameters:
  ///   - logSumExp: That of each head's scores of the keys so far, and then of all. Shape: (1, heads).
  ///   - other: The attention on the others, and the heads' log-sum-exps, (heads, 1).
  public func joinAttention(_ logSumExp: Matrix, headWidth: Int, with other: (values: Matrix, logSumExp: Matrix)) {
    requireVector(other.values, columns)
    requireVector(logSumExp, columns / headWidth)
    precondition(other.logSumExp.rows == logSumExp.columns && other.logSumExp.columns == 1, other.logSumExp.shape)
    ck_join_attention(
      columns / headWidth, headWidth, base, logSumExp.base, other.values.base, other.logSumExp.base,
      other.logSumExp.stride)
  }

  /// Turns the pairs (j, j + w / 2) of every head, w wide, of each row by the angles of its position.
  ///
  /// - Parameters:
  ///   - cosines: (positions, w / 2), as sines.
  ///   - isBack: Whether to turn back.
  public func rotatePairs(headWidth: Int, positions: [Int32], cosines: Matrix, sines: Matrix, isBack: Bool) {
    precondition(positions.count == rows, "\(positions.count) positions of \(rows) rows")
    cosines.requireShape(sines)
    precondition(
      cosines.columns * 2 == headWidth && cosines.isContiguous, "angles \(cosines.shape) of heads \(headWidth) wide")
    positions.withUnsafeBufferPointer { positions in
      eachBlock { rows in
        ck_rotate(
          rows.count, columns / headWidth, headWidth, positions.baseAddress! + rows.lowerBound, cosines.base,
          sines.base, isBack ? -1 : 1, start(of: rows), stride)
      }
    }
  }
}
