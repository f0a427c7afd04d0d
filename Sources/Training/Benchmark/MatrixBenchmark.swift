import Tensors

/// Measures the rate of matrix products on this rank's threads, all ranks at once.
public enum MatrixBenchmark {
  /// A product: y (rows, columns) = x (rows, inner) W (inner, columns).
  public struct Product: Sendable {
    /// What W is.
    public enum Factor: String, Sendable {
      /// A frozen matrix that lies as it is written: GPT-2's maps forward, others backward.
      case frozen
      /// A frozen matrix that lies as its transpose: most families' maps and every output projection, forward.
      case frozenTransposed = "frozen_transposed"
      /// An adapter's, always fp32.
      case trained
    }

    public let rows, columns, inner: Int
    public let factor: Factor

    public init(_ rows: Int, _ columns: Int, _ inner: Int, _ factor: Factor) {
      (self.rows, self.columns, self.inner, self.factor) = (rows, columns, inner, factor)
    }

    /// Floating-point operations, two a multiply-add.
    var operations: Double { 2 * Double(rows) * Double(columns) * Double(inner) }
  }

  /// A library, and how frozen matrices are held.
  public struct Way: Sendable {
    public let library: String
    public let precision: Precision
    fileprivate let isOpenBLASAlone: Bool
  }

  /// The ways to multiply by frozen matrices of a precision that this machine has.
  public static func ways(_ precision: Precision) -> [Way] {
    let openBLAS = Way(library: "OpenBLAS", precision: precision, isOpenBLASAlone: true)
    guard MatrixLibrary.usesOneDNN else { return [openBLAS] }
    let oneDNN = Way(library: "oneDNN", precision: precision, isOpenBLASAlone: false)
    return precision == .fp32 ? [openBLAS, oneDNN] : [oneDNN]
  }

  /// The large products of a GPT-2 step of 512 and of 2048 rows.
  private static let large = [(512, 768, 768), (512, 2304, 768), (512, 3072, 768), (512, 768, 3072), (2048, 768, 768)]

  private static let largeProducts = large.flatMap { rows, columns, inner in
    [Product.Factor.frozen, .frozenTransposed].map { Product(rows, columns, inner, $0) }
  }

  /// Products of a GPT-2 step: its maps', the output projection's forward and backward and, in fp32, a LoRA's.
  public static func products(_ precision: Precision) -> [Product] {
    let head = [Product(8, 50_257, 768, .frozenTransposed), Product(8, 768, 50_257, .frozen)]
    let adapter = [Product(512, 8, 768, .trained), Product(512, 2304, 8, .trained)]
    return largeProducts + head + (precision == .fp32 ? adapter : [])
  }

  /// The best of several timings, in GFLOP/s of this rank.
  public static func rate(_ product: Product, _ way: Way, seconds: Double = 0.1) -> Double {
    let operands = Operands(product, way.precision)
    let best = way.isOpenBLASAlone ? MatrixLibrary.withOpenBLASAlone { operands.best(seconds) } : operands.best(seconds)
    return 1e-9 * product.operations / best
  }

  /// The machine's peak: the best rate of any large product by any library.
  public static func peak(_ precision: Precision) -> Double {
    ways(precision).flatMap { way in largeProducts.map { rate($0, way) } }.max() ?? 0
  }
}

/// The matrices of a product.
private final class Operands {
  private let x, y: Matrix
  private let layout: FrozenMatrix.Layout
  /// W in fp32, of which a trained factor is used as it is.
  private let w: Matrix
  private let frozen: FrozenMatrix?
  private let workspace = Workspace(minimumChunk: 0)
  private var halves: UnsafeMutableBufferPointer<UInt16>?

  init(_ product: MatrixBenchmark.Product, _ precision: Precision) {
    let key = RandomKey(seed: 0), isTransposed = product.factor == .frozenTransposed
    x = workspace.matrix(product.rows, product.inner)
    y = workspace.matrix(product.rows, product.columns)
    w =
      isTransposed
      ? workspace.matrix(product.columns, product.inner) : workspace.matrix(product.inner, product.columns)
    layout = isTransposed ? .outputsByInputs : .inputsByOutputs
    key.child(0).fillUniform(x.elements, low: -1, high: 1)
    key.child(1).fillUniform(w.elements, low: -1, high: 1)
    switch (product.factor, precision) {
    case (.trained, _): frozen = nil
    case (_, .fp32): frozen = FrozenMatrix(w)
    case (_, .bf16):
      let memory = UnsafeMutableBufferPointer<UInt16>.allocate(capacity: w.count)
      _ = memory.initialize(from: w.elements.lazy.map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) })
      frozen = FrozenMatrix(.bf16(UnsafePointer(memory.baseAddress!)), rows: w.rows, columns: w.columns)
      halves = memory
    }
  }

  deinit { halves?.deallocate() }

  private func multiply() {
    if let frozen { frozen.multiply(x, layout, into: y) } else { y.set(x.N, w.N) }
  }

  /// Seconds that the product takes at best, tried for a while after one that warms up.
  func best(_ seconds: Double) -> Double {
    multiply()
    var best = Double.infinity
    let start = ContinuousClock.now
    repeat {
      let begin = ContinuousClock.now
      multiply()
      best = min(best, (ContinuousClock.now - begin) / .seconds(1))
    } while ContinuousClock.now - start < .seconds(seconds)
    return best
  }
}
