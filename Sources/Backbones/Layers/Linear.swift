import Tensors

/// What an adapter method does at one linear map. It drives the frozen map, so it may change input, output or both.
public protocol LinearAdapter: AnyObject {
  /// Whether the backward pass reads the map's input.
  var needsInput: Bool { get }

  /// y = the adapted map of x. Shapes: x (tokens, inputs), y (tokens, outputs); y's old contents are not read.
  func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass)

  /// Adds the gradients of the adapter's parameters (and of the map's, if trained), and sets dx.
  ///
  /// - Parameters:
  ///   - dy: Gradient of the output; stays as it is.
  ///   - x: The forward pass's input, if ``needsInput``.
  ///   - dx: Receives the gradient of the input; nil when nothing before the map is trained.
  func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass)
}

/// A linear map of the backbone, with an adapter if one sits there.
///
///     y = x W + b
public final class Linear {
  /// The module's path, such as `transformer.h.0.attn.c_attn`.
  public let path: String
  public let weight: Parameter
  public let bias: Parameter?
  /// How the weight lies.
  public let layout: FrozenMatrix.Layout
  public let inputs, outputs: Int
  public var adapter: (any LinearAdapter)?

  public init(path: String, weight: Parameter, bias: Parameter?, layout: FrozenMatrix.Layout) {
    self.path = path
    self.weight = weight
    self.bias = bias
    self.layout = layout
    let (rows, columns) = (weight.matrix.rows, weight.matrix.columns)
    (inputs, outputs) = layout == .inputsByOutputs ? (rows, columns) : (columns, rows)
  }

  /// Whether ``backward(_:x:into:_:)`` reads the input.
  public var needsInput: Bool { weight.isTrained || adapter?.needsInput ?? false }

  /// Whether anything trains here.
  public var isTrained: Bool { adapter != nil || weight.isTrained || bias?.isTrained ?? false }

  /// y = the map of x, adapter included.
  public func forward(_ x: Matrix, into y: Matrix, _ pass: Pass) {
    guard let adapter else { return applyBase(x, into: y, pass) }
    pass.measure(.adapter) { adapter.forward(x, into: y, base: self, pass) }
  }

  /// The same, or, without y, only what the backward pass needs of it.
  func forward(_ x: Matrix, into y: Matrix?, _ pass: Pass) {
    guard y != nil || adapter != nil else { return }
    let mark = pass.scratch.mark()
    forward(x, into: y ?? pass.scratch.matrix(x.rows, outputs), pass)
    pass.scratch.release(to: mark)
  }

  /// Adds parameter gradients and sets dx; see ``LinearAdapter/backward(_:x:into:base:_:)``.
  public func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, _ pass: Pass) {
    guard let adapter else { return backwardBase(dy, x: x, into: dx, pass) }
    pass.measure(.adapter) { adapter.backward(dy, x: x, into: dx, base: self, pass) }
  }

  /// y = x W + b, without the adapter.
  public func applyBase(_ x: Matrix, into y: Matrix, _ pass: Pass) {
    pass.measure(.linear) { weight.matrix.multiply(x, layout, bias: bias?.vector, into: y) }
  }

  /// y = x W, without bias and adapter.
  public func multiply(_ x: Matrix, into y: Matrix, _ pass: Pass) {
    pass.measure(.linear) { weight.matrix.multiply(x, layout, into: y) }
  }

  /// y = x W of an adapter's factor x, which ``FrozenMatrix`` does not round.
  public func multiplyExactly(_ x: Matrix, into y: Matrix, _ pass: Pass) {
    pass.measure(.linear) { weight.matrix.multiplyExactly(x, layout, into: y) }
  }

  /// dx = dy Wᵀ, without the adapter.
  public func multiplyTransposed(_ dy: Matrix, into dx: Matrix, _ pass: Pass) {
    pass.measure(.linear) { weight.matrix.multiplyTransposed(dy, layout, into: dx) }
  }

  /// Adds the gradient of W, if it trains, from that of x W.
  public func addWeightGradient(x: Matrix, _ dy: Matrix, _ pass: Pass) {
    guard let gradient = weight.gradient else { return }
    pass.measure(.linear) { gradient.addWeightGradient(x: x, dy: dy, layout) }
  }

  /// Adds the gradient of b, if it trains.
  public func addBiasGradient(_ dy: Matrix, _ pass: Pass) {
    guard let gradient = bias?.gradient else { return }
    pass.measure(.linear) { dy.addColumnSums(to: gradient) }
  }

  /// The sum of squares of the weights into each output.
  public func outputSquares() -> [Float] { weight.matrix.outputSquares(layout) }

  /// Backward of ``applyBase(_:into:_:)``.
  public func backwardBase(_ dy: Matrix, x: Matrix?, into dx: Matrix?, _ pass: Pass) {
    // y = x W + b
    if let x { addWeightGradient(x: x, dy, pass) }
    addBiasGradient(dy, pass)
    if let dx { multiplyTransposed(dy, into: dx, pass) }
  }
}
