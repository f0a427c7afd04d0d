import CKernels

/// Rows and columns at a time. A vector is a matrix of one row.
extension Matrix {
  /// Sets every row to `row`.
  public func setRows(to row: Matrix) {
    requireVector(row, columns)
    ck_fill_rows(rows, columns, row.base, base, stride)
  }

  /// Sets every row to the numbers of an array.
  public func setRows(to row: [Float]) {
    precondition(row.count == columns, "\(row.count) numbers in rows of \(columns)")
    ck_fill_rows(rows, columns, row, base, stride)
  }

  /// Adds the numbers of an array to every row.
  public func addToRows(_ row: [Float]) {
    precondition(row.count == columns, "\(row.count) numbers in rows of \(columns)")
    ck_add_to_rows(rows, columns, row, base, stride)
  }

  /// The sum of the rows.
  public func columnSums() -> [Float] {
    var sums = [Float](repeating: 0, count: columns)
    ck_add_column_sums(rows, columns, base, stride, &sums)
    return sums
  }

  /// total += the sum of the rows.
  public func addColumnSums(to total: Matrix) {
    requireVector(total, columns)
    ck_add_column_sums(rows, columns, base, stride, total.base)
  }

  /// total += the sum of the rows of self ∘ other.
  public func addColumnProducts(_ other: Matrix, to total: Matrix) {
    requireShape(other)
    requireVector(total, columns)
    ck_add_column_products(rows, columns, base, stride, other.base, other.stride, total.base)
  }

  /// Multiplies each column by its factor.
  public func scaleColumns(by factors: Matrix) {
    requireVector(factors, columns)
    ck_scale_columns(rows, columns, factors.base, base, stride)
  }

  /// self = x with each column multiplied by its factor.
  public func setColumns(of x: Matrix, scaledBy factors: Matrix) {
    requireShape(x)
    requireVector(factors, columns)
    ck_scaled_columns(rows, columns, factors.base, x.base, x.stride, base, stride)
  }

  /// self += x with each column multiplied by its factor.
  public func addColumns(of x: Matrix, scaledBy factors: Matrix) {
    requireShape(x)
    requireVector(factors, columns)
    ck_add_scaled_columns(rows, columns, factors.base, x.base, x.stride, base, stride)
  }

  /// Sets a contiguous matrix to the rows of x at `indices`.
  public func setRows(of x: Matrix, at indices: [Int32]) {
    precondition(indices.count == rows && x.columns == columns && isContiguous, "rows of \(x.shape) into \(shape)")
    ck_gather_rows(rows, columns, indices, x.base, x.stride, base)
  }

  /// Adds each row of d to the row of this contiguous matrix at its index, in order.
  public func addRows(_ d: Matrix, at indices: [Int32]) {
    precondition(indices.count == d.rows && d.columns == columns && isContiguous, "rows of \(d.shape) into \(shape)")
    ck_scatter_add_rows(d.rows, columns, indices, d.base, d.stride, base)
  }

  /// Sets a contiguous matrix to the sums of squares of the rows of x, added to what it holds. Shape: (1, x.rows).
  func addRowSquares(of x: Matrix) {
    requireVector(self, x.rows)
    ck_add_row_squares(x.rows, x.columns, x.base, x.stride, base)
  }

  /// Multiplies all elements of a contiguous matrix.
  public func scale(by factor: Float) { ck_scale(count, factor, elements.baseAddress!) }

  /// self += factor x, both contiguous.
  public func add(_ x: Matrix, times factor: Float) {
    requireShape(x)
    ck_axpy(count, factor, x.elements.baseAddress!, elements.baseAddress!)
  }

  func requireShape(_ other: Matrix) {
    precondition(other.rows == rows && other.columns == columns, "\(other.shape) beside \(shape)")
  }

  func requireVector(_ row: Matrix, _ count: Int) {
    precondition(row.rows == 1 && row.columns == count, "\(row.shape) in place of a vector of \(count)")
  }
}
