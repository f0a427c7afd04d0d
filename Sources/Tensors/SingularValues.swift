import COpenBLAS

/// M = U diag(σ) Vᵀ, thin: k = min(rows, columns) singular values, the largest first.
public struct SingularValues: Sendable {
  /// U (rows, k), with orthonormal columns.
  public let left: DoubleMatrix
  /// σ (k), none below 0.
  public let values: [Double]
  /// Vᵀ (k, columns), with orthonormal rows.
  public let right: DoubleMatrix

  /// Decomposes a matrix of at least one number (LAPACK's `dgesdd`).
  ///
  /// nil where the iteration does not converge, which finite numbers hardly ever cause.
  public init?(of matrix: DoubleMatrix) {
    let count = min(matrix.rows, matrix.columns)
    precondition(count > 0, "no singular values of a (\(matrix.rows), \(matrix.columns)) matrix")
    // Row by row M is, column by column, Mᵀ = V diag(σ) Uᵀ: LAPACK's U and VT are our Vᵀ and U, row by row.
    var numbers = matrix.values, sigma = [Double](repeating: 0, count: count)
    var right = [Double](repeating: 0, count: count * matrix.columns)
    var left = [Double](repeating: 0, count: matrix.rows * count)
    let m = blasint(matrix.columns), n = blasint(matrix.rows), k = blasint(count)
    var integers = [blasint](repeating: 0, count: 8 * count), information: blasint = 0
    func decompose(_ work: inout [Double], length: blasint) {
      var length = length
      dgesdd_(
        "S", [m], [n], &numbers, [m], &sigma, &right, [m], &left, [k], &work, &length, &integers, &information, 1)
    }
    var work = [0.0]
    decompose(&work, length: -1)  // asks how much room it wants
    let wanted = Int(work[0])
    work = [Double](repeating: 0, count: wanted)
    decompose(&work, length: blasint(wanted))
    guard information == 0 else { return nil }
    self.left = DoubleMatrix(rows: matrix.rows, columns: count, values: left)
    self.right = DoubleMatrix(rows: count, columns: matrix.columns, values: right)
    values = sigma
  }

  /// Decomposes the product of a tall matrix and a wide one without forming it: with both decomposed, what is left is
  /// as small as their common axis.
  ///
  ///     B A = U₁ (σ₁ V₁ᵀ U₂ σ₂) V₂ᵀ
  ///
  /// Shapes: B (rows, r), A (r, columns). At most r singular values. nil as for ``init(of:)``.
  public init?(ofProduct tall: DoubleMatrix, _ wide: DoubleMatrix) {
    guard let first = SingularValues(of: tall), let second = SingularValues(of: wide),
      let core = SingularValues(
        of: first.right.scalingRows(by: first.values) * second.left.scalingColumns(by: second.values))
    else { return nil }
    left = first.left * core.left
    right = core.right * second.right
    values = core.values
  }
}
