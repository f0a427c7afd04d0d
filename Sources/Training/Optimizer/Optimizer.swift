/// Moves what is trained by a step's gradient, and remembers of the steps before what its rule needs.
///
/// A checkpoint stores ``counters`` and the arrays of ``state`` under their names, and nothing else of an optimizer:
/// with both put back, it goes on as if it had never stopped.
public protocol Optimizer: AnyObject {
  /// The updates made so far.
  var counters: OptimizerCounters { get set }
  /// Every array that outlives an update. Names, shapes and order depend on parameters and options alone.
  var state: [OptimizerArray] { get }

  /// One update from the gradient buffer, each gradient multiplied by `gradientScale` first.
  ///
  /// - Parameters:
  ///   - learningRate: Of the parameters without a factor of their own.
  ///   - routes: The adapter's tasks that the batch has, each once: whose own rows a sparse update moves. A dense one
  ///     moves all of them.
  func update(learningRate: Double, gradientScale: Double, routes: [Int])
}

extension Optimizer {
  /// One update of parameters none of which belongs to single tasks.
  public func update(learningRate: Double, gradientScale: Double) {
    update(learningRate: learningRate, gradientScale: gradientScale, routes: [])
  }
}

/// How many updates an optimizer has made: all that a checkpoint knows of it beside its arrays.
public struct OptimizerCounters: Sendable, Equatable {
  /// All of them.
  public var updates: Int
  /// Those that each of the adapter's tasks has had of its own rows, where they are counted apart; else nil.
  public var routeUpdates: [Int]?

  public init(updates: Int = 0, routeUpdates: [Int]? = nil) {
    (self.updates, self.routeUpdates) = (updates, routeUpdates)
  }
}

/// One array of an optimizer's state. The memory is the optimizer's, which outlives it.
public struct OptimizerArray {
  /// Such as `exp_avg.` and the parameter's name.
  public let name: String
  public let shape: [Int]
  public let values: UnsafeMutableBufferPointer<Float>

  public init(name: String, shape: [Int], values: UnsafeMutableBufferPointer<Float>) {
    (self.name, self.shape, self.values) = (name, shape, values)
  }
}
