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
  private var numbers: FrozenNumbers

  /// A matrix on numbers that somebody else keeps, row after row.
  public init(_ numbers: FrozenNumbers, rows: Int, columns: Int) {
    (self.numbers, self.rows, self.columns) = (numbers, rows, columns)
  }

  /// A matrix on fp32 numbers that somebody else keeps.
  public convenience init(_ stored: Matrix) {
    precondition(stored.isContiguous, "rows of \(stored.columns) at a distance of \(stored.stride)")
    self.init(.fp32(stored.base), rows: stored.rows, columns: stored.columns)
  }

  /// Another matrix on the same numbers, which can move apart.
  public func another() -> FrozenMatrix { FrozenMatrix(numbers, rows: rows, columns: columns) }

  /// Whether the numbers are held in bf16.
  public var isBF16: Bool { if case .bf16 = numbers { true } else { false } }

  /// From now on the numbers live in `memory`, in fp32, which receives a copy of today's.
  public func move(to memory: Matrix) {
    precondition(memory.rows == rows && memory.columns == columns, "(\(rows), \(columns)) into \(memory.shape)")
    expand(0..<rows, into: memory)
    numbers = .fp32(memory.base)
  }

  /// The numbers of a matrix of one row, such as a bias or a norm's weights, which is always fp32.
  public var vector: Matrix {
    guard rows == 1, case .fp32(let base) = numbers else { preconditionFailure("(\(rows), \(columns)) is no vector") }
    return Matrix(base: base, rows: 1, columns: columns)
  }

  /// The numbers in row order, for files and folding.
  public func array() -> [Float] {
    [Float](unsafeUninitializedCapacity: rows * columns) { buffer, count in
      if let base = buffer.baseAddress { expand(0..<rows, into: Matrix(base: base, rows: rows, columns: columns)) }
      count = rows * columns
    }
  }

  /// Sets y to some of the rows in fp32.
  private func expand(_ range: Range<Int>, into y: Matrix) {
    for (place, row) in range.enumerated() {
      switch numbers {
      case .fp32(let base): (y.base + place * y.stride).update(from: base + row * columns, count: columns)
      case .bf16(let base): ck_expand_bf16(columns, base + row * columns, y.base + place * y.stride)
      }
    }
  }

  // MARK: As the weight of a map

  /// y = x W + bias.
  ///
  /// Shapes: x (tokens, inputs), y (tokens, outputs), bias (1, outputs). Numbers of bf16 meet an x rounded to bf16.
  public func multiply(_ x: Matrix, _ layout: Layout, bias: Matrix? = nil, into y: Matrix) {
    product(layout, isBackward: false).run(x, bias: bias, into: y)
  }

  /// y = x W with an x that is no activation, such as an adapter's factor: it is not rounded.
  public func multiplyExactly(_ x: Matrix, _ layout: Layout, into y: Matrix) {
    var product = product(layout, isBackward: false)
    product.keepsInput = true
    product.run(x, bias: nil, into: y)
  }

  /// dx = dy Wᵀ.
  ///
  /// Shapes: dy (tokens, outputs), dx (tokens, inputs). Numbers of bf16 meet a dy rounded to bf16.
  public func multiplyTransposed(_ dy: Matrix, _ layout: Layout, into dx: Matrix) {
    product(layout, isBackward: true).run(dy, bias: nil, into: dx)
  }

  private func product(_ layout: Layout, isBackward: Bool) -> FrozenProduct {
    let isTransposed = (layout == .outputsByInputs) != isBackward
    return FrozenProduct(
      numbers: numbers, inner: isTransposed ? columns : rows, columns: isTransposed ? rows : columns,
      isTransposed: isTransposed)
  }

  /// The sum of squares of the weights into each output.
  public func outputSquares(_ layout: Layout) -> [Float] {
    var squares = [Float](repeating: 0, count: layout == .inputsByOutputs ? columns : rows)
    let workspace = Workspace(minimumChunk: 0), memory = workspace.matrix(min(rows, 64), columns)
    defer { withExtendedLifetime(workspace) {} }
    squares.withUnsafeMutableBufferPointer { buffer in
      let total = Matrix(base: buffer.baseAddress!, rows: 1, columns: buffer.count)
      for start in stride(from: 0, to: rows, by: 64) {
        let range = start..<min(start + 64, rows), part = memory.rows(0..<range.count)
        expand(range, into: part)
        switch layout {
        case .inputsByOutputs: part.addColumnProducts(part, to: total)
        case .outputsByInputs: total.columns(range).addRowSquares(of: part)
        }
      }
    }
    return squares
  }

  // MARK: As a table

  /// y = scale times the rows at `indices`.
  public func lookUp(_ indices: [Int32], scale: Float = 1, into y: Matrix) {
    requireRows(of: y, indices)
    Threads.blocks(of: y.rows, size: 64) { range in
      switch numbers {
      case .fp32(let base):
        indices.withUnsafeBufferPointer {
          ck_embed_scaled(
            range.count, columns, $0.baseAddress! + range.lowerBound, base, scale, y.base + range.lowerBound * columns)
        }
      case .bf16(let base):
        for row in range { ck_expand_bf16(columns, base + Int(indices[row]) * columns, y.base + row * columns) }
        if scale != 1 { ck_scale(range.count * columns, scale, y.base + range.lowerBound * columns) }
      }
    }
  }

  /// y += the rows at `indices`.
  public func addRows(at indices: [Int32], to y: Matrix) {
    requireRows(of: y, indices)
    Threads.blocks(of: y.rows, size: 64) { range in
      switch numbers {
      case .fp32(let base):
        indices.withUnsafeBufferPointer {
          ck_add_table_rows(
            range.count, columns, $0.baseAddress! + range.lowerBound, base, y.base + range.lowerBound * columns)
        }
      case .bf16(let base):
        for row in range { ck_add_bf16(columns, base + Int(indices[row]) * columns, y.base + row * columns) }
      }
    }
  }

  /// Sets the columns of y to the rows at `indices`. Shape: y (columns, indices).
  public func lookUpTransposed(_ indices: ArraySlice<Int32>, into y: Matrix) {
    precondition(y.rows == columns && y.columns == indices.count, "\(indices.count) rows of \(columns) into \(y.shape)")
    let table = array()
    indices.withUnsafeBufferPointer {
      ck_spread_distances(y.columns, columns, $0.baseAddress!, table, y.base, y.stride)
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
