import COneDNN
import Foundation

/// What a thread keeps for its products: oneDNN's plans for the shapes that it has met, and working memory.
final class ProductMemory {
  /// A product that is planned once; see `onednn_shape`.
  struct Shape: Hashable {
    var rows, columns, inner: Int
    var isTransposed, isBF16, hasBias: Bool
  }

  /// Shapes kept at most, some 30 kB each: a model has about ten shapes of maps and directions, and batches come in many
  /// heights.
  static let capacity = 512

  /// nil where the library refuses the shape.
  private var products: [Shape: OpaquePointer?] = [:]
  /// The shapes, the oldest first from `oldest` on.
  private var order: [Shape] = []
  private var oldest = 0
  private var scratch = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var operand = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var result = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var isPrepared = false

  deinit {
    for case let product? in products.values { onednn_product_destroy(product) }
    scratch.deallocate()
    operand.deallocate()
    result.deallocate()
  }

  /// Keeps the library's loops to the calling thread.
  func prepare() {
    guard !isPrepared else { return }
    onednn_stay_on_this_thread()
    isPrepared = true
  }

  /// Whether the library has a kernel for a shape.
  func hasPlan(_ shape: Shape) -> Bool {
    prepare()
    return (products[shape] ?? plan(shape)) != nil
  }

  /// Runs a product of a shape that is a part of one that ``hasPlan(_:)``.
  func run(
    _ shape: Shape, x: UnsafeRawPointer, weights: UnsafeRawPointer, bias: UnsafePointer<Float>?,
    into y: UnsafeMutablePointer<Float>
  ) {
    prepare()
    let product = products[shape] ?? plan(shape)
    let isDone =
      product.map { onednn_product_run($0, x, weights, bias, y, memory(onednn_product_scratch($0))) } ?? false
    guard isDone else {
      // Another way for a part alone would give bits that depend on where the parts are cut.
      fatalError("oneDNN refuses a part of a product that it takes, \(shape): set POLYAD_MATMUL=openblas")
    }
  }

  private func plan(_ shape: Shape) -> OpaquePointer? {
    var plain = onednn_shape(
      rows: shape.rows, columns: shape.columns, inner: shape.inner, isTransposed: shape.isTransposed,
      isBF16: shape.isBF16, hasBias: shape.hasBias)
    let product = onednn_product_create(&plain)
    if order.count < Self.capacity {
      order.append(shape)
    } else {
      if case let old?? = products.removeValue(forKey: order[oldest]) { onednn_product_destroy(old) }
      order[oldest] = shape
      oldest = (oldest + 1) % Self.capacity
    }
    products[shape] = .some(product)
    return product
  }

  /// Working memory of one product, uninitialised, until the next call.
  func memory(_ byteCount: Int) -> UnsafeMutableRawPointer { Self.room(in: &scratch, byteCount) }

  /// Memory for a converted factor, which outlives the products that read it, uninitialised, until the next call.
  func operand(_ byteCount: Int) -> UnsafeMutableRawPointer { Self.room(in: &operand, byteCount) }

  /// Memory for a tile of a result, uninitialised, until the next call.
  func tile(_ rows: Int, _ columns: Int) -> Matrix {
    let memory = Self.room(in: &result, rows * columns * MemoryLayout<Float>.stride)
    return Matrix(base: memory.bindMemory(to: Float.self, capacity: rows * columns), rows: rows, columns: columns)
  }

  /// Memory on a 64-byte boundary.
  private static func room(
    in memory: inout UnsafeMutableRawBufferPointer, _ byteCount: Int
  ) -> UnsafeMutableRawPointer {
    if memory.count < byteCount || memory.baseAddress == nil {
      memory.deallocate()
      memory = .allocate(byteCount: max(byteCount, 1 << 16), alignment: 64)
    }
    return memory.baseAddress!
  }

  // MARK: One a thread

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    let status = pthread_key_create(&key) { if let it = $0 { Unmanaged<ProductMemory>.fromOpaque(it).release() } }
    precondition(status == 0, "no key for threads' memory")
    return key
  }()

  static var ofThisThread: ProductMemory {
    if let known = pthread_getspecific(key) { return Unmanaged.fromOpaque(known).takeUnretainedValue() }
    let fresh = ProductMemory()
    pthread_setspecific(key, Unmanaged.passRetained(fresh).toOpaque())
    return fresh
  }
}
