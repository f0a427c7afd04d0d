import CKernels

/// A matrix of the backbone, hiding where and in which precision its numbers live.
///
///     y = x W        W (inputs, outputs) in the mathematics
///
/// The numbers may be a shared map of a file, a shared-memory window or, once they train, the trainable buffer; they are
/// never copied but when they move there. Whoever multiplies by them, looks rows up or folds something into them asks
/// this type.
public final class FrozenMatrix {
  /// How a map's numbers lie in memory.
  public enum Layout: Sendable {
    /// (inputs, outputs): GPT-2's Conv1D.
    case inputsByOutputs
    /// (outputs, inputs): PyTorch's Linear.
    case outputsByInputs
  }

  public let rows: Int
  public let columns: Int
  /// The numbers, fp32.
  private var stored: Matrix

  /// A matrix on numbers that somebody else keeps.
  public init(_ stored: Matrix) {
    self.stored = stored
    (rows, columns) = (stored.rows, stored.columns)
  }

  /// Another matrix on the same numbers, which can move apart.
  public func another() -> FrozenMatrix { FrozenMatrix(stored) }

  /// From now on the numbers live in `memory`, which receives a copy of today's.
  public func move(to memory: Matrix) {
    memory.copy(from: stored)
    stored = memory
  }

  /// The numbers of a matrix of one row, such as a bias or a norm's weights, which is always fp32.
  public var vector: Matrix {
    precondition(rows == 1, "(\(rows), \(columns)) is no vector")
    return stored
  }

  /// The numbers in row order, for files and folding.
  public func array() -> [Float] { stored.array() }

  // MARK: As the weight of a map

  /// y = x W + beta y.
  ///
  /// Shapes: x (tokens, inputs), y (tokens, outputs).
  public func multiply(_ x: Matrix, _ layout: Layout, into y: Matrix, beta: Float = 1) {
    y.accumulate(x.N, layout == .inputsByOutputs ? stored.N : stored.T, beta: beta)
  }

  /// dx = dy Wᵀ + beta dx.
  ///
  /// Shapes: dy (tokens, outputs), dx (tokens, inputs).
  public func multiplyTransposed(_ dy: Matrix, _ layout: Layout, into dx: Matrix, beta: Float = 1) {
    dx.accumulate(dy.N, layout == .inputsByOutputs ? stored.T : stored.N, beta: beta)
  }

  /// The sum of squares of the weights into each output.
  public func outputSquares(_ layout: Layout) -> [Float] {
    var squares = [Float](repeating: 0, count: layout == .inputsByOutputs ? columns : rows)
    squares.withUnsafeMutableBufferPointer { buffer in
      let total = Matrix(base: buffer.baseAddress!, rows: 1, columns: buffer.count)
      switch layout {
      case .inputsByOutputs: stored.addColumnProducts(stored, to: total)
      case .outputsByInputs: total.addRowSquares(of: stored)
      }
    }
    return squares
  }

  // MARK: As a table

  /// y = scale times the rows at `indices`.
  public func lookUp(_ indices: [Int32], scale: Float = 1, into y: Matrix) {
    requireRows(of: y, indices)
    ck_embed_scaled(y.rows, columns, indices, stored.base, scale, y.base)
  }

  /// y += the rows at `indices`.
  public func addRows(at indices: [Int32], to y: Matrix) {
    requireRows(of: y, indices)
    ck_add_table_rows(y.rows, columns, indices, stored.base, y.base)
  }

  /// Sets the columns of y to the rows at `indices`. Shape: y (columns, indices).
  public func lookUpTransposed(_ indices: ArraySlice<Int32>, into y: Matrix) {
    precondition(y.rows == columns && y.columns == indices.count, "\(indices.count) rows of \(columns) into \(y.shape)")
    indices.withUnsafeBufferPointer {
      ck_spread_distances(y.columns, columns, $0.baseAddress!, stored.base, y.base, y.stride)
    }
  }

  private func requireRows(of y: Matrix, _ indices: [Int32]) {
    precondition(
      indices.count == y.rows && y.columns == columns && y.isContiguous,
      "\(indices.count) rows of \(columns) into \(y.shape)")
  }
}

extension Matrix {
  /// The gradient of a map's weight, in the layout of its numbers: self += xᵀ dy.
  ///
  /// Shapes: x (tokens, inputs), dy (tokens, outputs).
  public func addWeightGradient(x: Matrix, dy: Matrix, _ layout: FrozenMatrix.Layout) {
    switch layout {
    case .inputsByOutputs: accumulate(x.T, dy.N)
    case .outputsByInputs: accumulate(dy.T, x.N)
    }
  }

  /// The gradient of a table of which columns were looked up: its row at each index += the column of d.
  ///
  /// Shape: d (columns, indices).
  public func addTransposedRows(_ d: Matrix, at indices: ArraySlice<Int32>) {
    precondition(d.rows == columns && d.columns == indices.count && isContiguous, "\(d.shape) into rows of \(columns)")
    indices.withUnsafeBufferPointer {
      ck_collect_distances(d.columns, columns, $0.baseAddress!, d.base, d.stride, base)
    }
  }
}
