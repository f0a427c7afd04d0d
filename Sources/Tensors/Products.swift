import COpenBLAS

extension Matrix {
  /// This matrix, read as its transpose by ``Matrix/accumulate(_:_:alpha:beta:)``.
  public var T: Operand { Operand(matrix: self, isTransposed: true) }

  /// This matrix as it stands.
  public var N: Operand { Operand(matrix: self, isTransposed: false) }

  /// A factor of a product: a view, as it stands or transposed.
  public struct Operand {
    let matrix: Matrix
    let isTransposed: Bool
    var rows: Int { isTransposed ? matrix.columns : matrix.rows }
    var columns: Int { isTransposed ? matrix.rows : matrix.columns }
    var flag: CBLAS_TRANSPOSE { isTransposed ? CblasTrans : CblasNoTrans }
  }

  /// self = alpha a b + beta self (`cblas_sgemm`).
  ///
  /// Shapes: a (rows, inner), b (inner, columns). With beta 0 the old contents are not read.
  public func accumulate(_ a: Operand, _ b: Operand, alpha: Float = 1, beta: Float = 1) {
    precondition(
      a.rows == rows && b.columns == columns && a.columns == b.rows,
      "product of (\(a.rows), \(a.columns)) and (\(b.rows), \(b.columns)) into \(shape)")
    guard rows > 0, columns > 0 else { return }
    cblas_sgemm(
      CblasRowMajor, a.flag, b.flag, blasint(rows), blasint(columns), blasint(a.columns), alpha, a.matrix.base,
      blasint(a.matrix.stride), b.matrix.base, blasint(b.matrix.stride), beta, base, blasint(stride))
  }

  /// self = alpha a b.
  public func set(_ a: Operand, _ b: Operand, alpha: Float = 1) { accumulate(a, b, alpha: alpha, beta: 0) }
}
