import CKernels

/// Rows and columns at a time. A vector is a matrix of one row.
extension Matrix {
  /// Sets every row to `row`.
  public func setRows(to row: Matrix) {
    requireVector(row, columns)
    eachBlock { ck_fill_rows($0.count, columns, row.base, start(of: $0), stride) }
  }

  /// Sets every row to the numbers of an array.
  public func setRows(to row: [Float]) {
    precondition(row.count == columns, "\(row.count) numbers in rows of \(columns)")
    eachBlock { ck_fill_rows($0.count, columns, row, start(of: $0), stride) }
  }

  /// Adds the numbers of an array to every row.
  public func addToRows(_ row: [Float]) {
    precondition(row.count == columns, "\(row.count) numbers in rows of \(columns)")
    eachBlock { ck_add_to_rows($0.count, columns, row, start(of: $0), stride) }
  }

  /// The sum of the rows.
  public func columnSums() -> [Float] {
    var sums = [Float](repeating: 0, count: columns)
    sums.withUnsafeMutableBufferPointer { sums in
      guard let start = sums.baseAddress else { return }
      addColumnSums(to: Matrix(base: start, rows: 1, columns: columns))
    }
    return sums
  }

  /// total += the sum of the rows.
  public func addColumnSums(to total: Matrix) {
    requireVector(total, columns)
    Threads.columns(columns, height: rows) { part in
      ck_add_column_sums(rows, part.count, base + part.lowerBound, stride, total.base + part.lowerBound)
    }
  }

  /// total += the sum of the rows of self ∘ other.
  public func addColumnProducts(_ other: Matrix, to total: Matrix) {
    requireShape(other)
    requireVector(total, columns)
    Threads.columns(columns, height: rows) { part in
      let first = part.lowerBound
      ck_add_column_products(
        rows, part.count, base + first, stride, other.base + first, other.stride, total.base + first)
    }
  }

  /// Multiplies each column by its factor.
  public func scaleColumns(by factors: Matrix) {
    requireVector(factors, columns)
    eachBlock { ck_scale_columns($0.count, columns, factors.base, start(of: $0), stride) }
  }

  /// self = x with each column multiplied by its factor.
  public func setColumns(of x: Matrix, scaledBy factors: Matrix) {
    requireShape(x)
    requireVector(factors, columns)
    eachBlock { rows in
      ck_scaled_columns(rows.count, columns, factors.base, x.start(of: rows), x.stride, start(of: rows), stride)
    }
  }

  /// self += x with each column multiplied by its factor.
  public func addColumns(of x: Matrix, scaledBy factors: Matrix) {
    requireShape(x)
    requireVector(factors, columns)
    eachBlock { rows in
      ck_add_scaled_columns(rows.count, columns, factors.base, x.start(of: rows), x.stride, start(of: rows), stride)
    }
  }

  /// Sets a contiguous matrix to the rows of x at `indices`.
  public func setRows(of x: Matrix, at indices: [Int32]) {
    precondition(indices.count == rows && x.columns == columns && isContiguous, "rows of \(x.shape) into \(shape)")
    indices.withUnsafeBufferPointer { indices in
      eachBlock { rows in
        ck_gather_rows(
          rows.count, columns, indices.baseAddress! + rows.lowerBound, x.base, x.stride, start(of: rows))
      }
    }
  }

  /// Adds each row of d to the row of this contiguous matrix at its index, in order.
  public func addRows(_ d: Matrix, at indices: [Int32]) {
    precondition(indices.count == d.rows && d.columns == columns && isContiguous, "rows of \(d.shape) into \(shape)")
    Threads.columns(columns, height: d.rows) { part in
      let first = part.lowerBound
      ck_scatter_add_rows(d.rows, part.count, indices, d.base + first, d.stride, base + first, columns)
    }
  }

  /// Sets a contiguous matrix to the sums of squares of the rows of x, added to what it holds. Shape: (1, x.rows).
  func addRowSquares(of x: Matrix) {
    requireVector(self, x.rows)
    x.eachBlock { rows in
      ck_add_row_squares(rows.count, x.columns, x.start(of: rows), x.stride, base + rows.lowerBound)
    }
  }

  /// Multiplies all elements of a contiguous matrix.
  public func scale(by factor: Float) {
    let y = elements.baseAddress!
    Threads.elements(count) { ck_scale($1, factor, y + $0) }
  }

  /// self += factor x, both contiguous.
  public func add(_ x: Matrix, times factor: Float) {
    requireShape(x)
    elements.add(x.elements, times: factor)
  }

  /// Cuts the rows into blocks that threads treat side by side.
  @inline(__always)
  func eachBlock(_ body: (_ rows: Range<Int>) -> Void) { Threads.rows(rows, width: columns, body) }

  /// Where the first of some rows lies.
  func start(of rows: Range<Int>) -> UnsafeMutablePointer<Float> { base + rows.lowerBound * stride }

  func requireShape(_ other: Matrix) {
    precondition(other.rows == rows && other.columns == columns, "\(other.shape) beside \(shape)")
  }

  func requireVector(_ row: Matrix, _ count: Int) {
    precondition(row.rows == 1 && row.columns == count, "\(row.shape) in place of a vector of \(count)")
  }
}
