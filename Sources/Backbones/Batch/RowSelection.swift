import CKernels
import Tensors

/// Rows of a block's input that alone go on past attention, and the pass over them.
struct RowSelection {
  let rows: [Int32]
  let pass: Pass

  /// The selected rows of x.
  func gather(_ x: Matrix) -> Matrix {
    let y = pass.kept(rows.count, x.columns)
    ck_gather_rows(y.rows, y.columns, rows, x.base, x.stride, y.base)
    return y
  }

  /// Sets `full` to the selected rows at their places, the others zero.
  func scatter(_ d: Matrix, into full: Matrix) {
    full.fill(0)
    ck_scatter_add_rows(d.rows, d.columns, rows, d.base, d.stride, full.base)
  }
}
