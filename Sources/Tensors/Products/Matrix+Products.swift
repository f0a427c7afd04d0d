import COneDNN
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
    fileprivate var flag: CBLAS_TRANSPOSE { isTransposed ? CblasTrans : CblasNoTrans }

    func rows(_ range: Range<Int>) -> Operand {
      Operand(matrix: isTransposed ? matrix.columns(range) : matrix.rows(range), isTransposed: isTransposed)
    }

    func columns(_ range: Range<Int>) -> Operand {
      Operand(matrix: isTransposed ? matrix.rows(range) : matrix.columns(range), isTransposed: isTransposed)
    }
  }

  /// self = alpha a b + beta self, in fp32.
  ///
  /// Shapes: a (rows, inner), b (inner, columns). With beta 0 the old contents are not read. The result is cut into
  /// tiles by its shape alone, so the bits do not depend on the number of threads.
  public func accumulate(_ a: Operand, _ b: Operand, alpha: Float = 1, beta: Float = 1) {
    precondition(
      a.rows == rows && b.columns == columns && a.columns == b.rows,
      "product of (\(a.rows), \(a.columns)) and (\(b.rows), \(b.columns)) into \(shape)")
    guard rows > 0, columns > 0 else { return }
    let library = ProductLibrary.forProduct(rows: rows, columns: columns, inner: a.columns)
    let tiles = TileGrid(productOf: rows, columns, inner: a.columns)
    Threads.run(tiles.count) { tile, _ in
      let (rows, columns) = tiles[tile]
      self.rows(rows).columns(columns).multiply(a.rows(rows), b.columns(columns), alpha, beta, library)
    }
  }

  /// self = alpha a b.
  public func set(_ a: Operand, _ b: Operand, alpha: Float = 1) { accumulate(a, b, alpha: alpha, beta: 0) }

  /// One product by a library (`dnnl_sgemm`, `cblas_sgemm`), by the calling thread.
  func multiply(_ a: Operand, _ b: Operand, _ alpha: Float, _ beta: Float, _ library: ProductLibrary) {
    if library == .oneDNN, a.columns > 0 {
      ProductMemory.ofThisThread.prepare()
      let isDone = onednn_sgemm(
        a.isTransposed, b.isTransposed, rows, columns, a.columns, alpha, a.matrix.base, a.matrix.stride, b.matrix.base,
        b.matrix.stride, beta, base, stride)
      if isDone { return }
    }
    cblas_sgemm(
      CblasRowMajor, a.flag, b.flag, blasint(rows), blasint(columns), blasint(a.columns), alpha, a.matrix.base,
      blasint(a.matrix.stride), b.matrix.base, blasint(b.matrix.stride), beta, base, blasint(stride))
  }
}
