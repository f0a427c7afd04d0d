import Tensors

/// Measures the rate of fp32 matrix products on this rank, all ranks at once.
public enum MatrixBenchmark {
  /// A product's shape: y (rows, columns) += x (rows, inner) W (inner, columns).
  public struct Shape: Sendable {
    public let rows, columns, inner: Int

    public init(rows: Int, columns: Int, inner: Int) { (self.rows, self.columns, self.inner) = (rows, columns, inner) }
  }

  /// The products of a GPT-2 step of 512 rows.
  public static let shapes = [
    Shape(rows: 512, columns: 768, inner: 768), Shape(rows: 512, columns: 2304, inner: 768),
    Shape(rows: 512, columns: 3072, inner: 768), Shape(rows: 512, columns: 768, inner: 3072),
    Shape(rows: 2048, columns: 768, inner: 768), Shape(rows: 512, columns: 8, inner: 768),
    Shape(rows: 512, columns: 2304, inner: 8),
  ]

  /// The best of several timings, in GFLOP/s of this rank.
  public static func rate(_ shape: Shape, seconds: Double = 0.25) -> Double {
    let workspace = Workspace()
    let key = RandomKey(seed: 0)
    let x = workspace.matrix(shape.rows, shape.inner), w = workspace.matrix(shape.inner, shape.columns)
    let y = workspace.matrix(shape.rows, shape.columns)
    key.child(0).fillUniform(x.elements, low: -1, high: 1)
    key.child(1).fillUniform(w.elements, low: -1, high: 1)
    y.set(x.N, w.N)
    var best = Double.infinity
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .seconds(seconds) {
      let begin = ContinuousClock.now
      y.set(x.N, w.N)
      best = min(best, (ContinuousClock.now - begin) / .seconds(1))
    }
    return 2e-9 * Double(shape.rows) * Double(shape.columns) * Double(shape.inner) / best
  }

  /// The machine's peak: the best rate of the large shapes.
  public static func peak() -> Double { shapes.prefix(5).map { rate($0) }.max() ?? 0 }
}
