import Tensors

/// What the parts of one stack share in a pass.
struct T5Context {
  let pass: Pass
  /// By which self-attention tells positions.
  let bias: DistanceBias
  /// The encoder's states and the pass over them; nil in the encoder itself.
  let source: (states: Matrix, pass: Pass)?
  /// Where keys and values go, or come from, when tokens are generated.
  var decoding: (cache: KeyValueCache, slots: [Int])?
  /// Where gradients of the bias and the states are added up in the backward pass; nil where nothing asks for them.
  var dBias: DistanceBias?
  var dStates: Matrix?
}

/// One part of a T5 block.
///
///     y = x + f(norm(x))
protocol T5Part: AnyObject {
  var norm: RMSNorm { get }

  /// Its maps, in the order of the computation.
  var linears: [Linear] { get }

  /// Whether a gradient is asked for that passes through it beside its input's.
  func passesGradient(_ context: T5Context) -> Bool

  /// Sets y from x. Shapes: (tokens, width).
  func forward(_ x: Matrix, into y: Matrix, _ context: T5Context)

  /// Turns d, the gradient of y, into that of x, adding parameter gradients on the way.
  ///
  /// - Parameter needsInputGradient: Whether something before this part is trained; if not, d is unspecified then.
  func backward(_ d: Matrix, needsInputGradient: Bool, _ context: T5Context)

  /// One new token a sequence: x (sequences, width) becomes y in place.
  func step(_ x: Matrix, _ context: T5Context)
}

extension T5Part {
  /// Whether anything in it trains.
  var isTrained: Bool { norm.isTrained || linears.contains { $0.isTrained } }
}

/// The part of a block that treats every position alone.
final class T5FeedForward: T5Part {
  let norm: RMSNorm
  private let inner: any FeedForward
  private var activations: (x: Matrix, statistics: NormStatistics)?

  init(norm: RMSNorm, _ inner: any FeedForward) { (self.norm, self.inner) = (norm, inner) }

  var linears: [Linear] { inner.linears }

  func passesGradient(_ context: T5Context) -> Bool { false }

  func forward(_ x: Matrix, into y: Matrix, _ context: T5Context) {
    let pass = context.pass, mark = pass.scratch.mark()
    let normed = pass.scratch.matrix(x.rows, x.columns)
    let statistics = norm.forward(x, into: normed, pass)
    inner.forward(normed, into: y, pass)
    y.add(x)
    if pass.keepsActivations { activations = (x, statistics) }
    pass.scratch.release(to: mark)
  }

  func backward(_ d: Matrix, needsInputGradient: Bool, _ context: T5Context) {
    guard let (x, statistics) = activations else {
      preconditionFailure("backward without a forward that keeps activations")
    }
    activations = nil
    let pass = context.pass, mark = pass.scratch.mark()
    func again() -> Matrix {
      let normed = pass.scratch.matrix(x.rows, x.columns)
      norm.again(x, statistics, into: normed)
      return normed
    }
    // y = x + f(norm(x))
    let dNormed = pass.scratch.matrix(x.rows, x.columns)
    inner.backward(d, input: again, into: dNormed, pass)
    norm.backward(dNormed, x: x, statistics, addingTo: d)
    pass.scratch.release(to: mark)
  }

  func step(_ x: Matrix, _ context: T5Context) {
    let scratch = context.pass.scratch, mark = scratch.mark()
    let y = scratch.matrix(x.rows, x.columns)
    forward(x, into: y, context)
    x.copy(from: y)
    scratch.release(to: mark)
  }
}
