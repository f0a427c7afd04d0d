import Tensors

/// Rows of a stack's input that alone go on past its last attention, and the pass over them.
struct RowSelection {
  private let indices: [Int32]
  let pass: Pass

  /// A batch's label rows; nil where every row is one.
  init?(_ batch: PackedBatch, _ pass: Pass) {
    guard !batch.readsEveryRow else { return nil }
    (indices, self.pass) = (batch.labelIndices, pass.over(batch.labelRows))
  }

  /// The rows that a batch reads; nil where every row is read.
  init?(_ batch: DecodingBatch, _ pass: Pass) {
    guard batch.readCount < batch.tokens.count else { return nil }
    (indices, self.pass) = (batch.readIndices, pass.over(batch.readRows))
  }

  /// Sets y to the selected rows of x.
  func gather(_ x: Matrix, into y: Matrix) { y.setRows(of: x, at: indices) }

  /// Sets `full` to the selected rows at their places, the others zero.
  func scatter(_ d: Matrix, into full: Matrix) {
    full.fill(0)
    full.addRows(d, at: indices)
  }
}
