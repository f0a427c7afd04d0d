import Tensors

/// A normalisation of each row, with what its backward pass needs.
protocol Norm {
  /// Whether any of its parameters trains.
  var isTrained: Bool { get }

  /// Numbers a row in what ``forward(_:into:_:)`` returns.
  var statisticCount: Int { get }

  /// y = the normalised x. Shapes: (tokens, width), contiguous.
  func forward(_ x: Matrix, into y: Matrix, _ pass: Pass) -> NormStatistics

  /// The forward pass's y again: cheaper than keeping it.
  func again(_ x: Matrix, _ statistics: NormStatistics, into y: Matrix)

  /// Adds the parameters' gradients, if trained, and the input's to dx.
  func backward(_ dy: Matrix, x: Matrix, _ statistics: NormStatistics, addingTo dx: Matrix)
}

/// One number of each kind a row.
public struct NormStatistics {
  /// The mean, (1, rows); nil where the norm has none.
  let mean: Matrix?
  /// 1 / (the row's size), (1, rows).
  let rstd: Matrix
}
