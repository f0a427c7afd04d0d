import CKernels
import Tensors

/// The part of a block that treats every position alone.
protocol FeedForward: AnyObject {
  /// Its maps, in the order of the computation.
  var linears: [Linear] { get }

  /// y from the normalised x.
  func forward(_ x: Matrix, into y: Matrix, _ pass: Pass)

  /// Adds parameter gradients and sets dx.
  ///
  /// - Parameter input: Gives the forward pass's x; called only if a map needs it.
  func backward(_ dy: Matrix, input: () -> Matrix, into dx: Matrix, _ pass: Pass)
}

/// Two maps with GELU between them, as in GPT-2.
///
///     y = W₂ GELU(W₁ x)
final class PlainFeedForward: FeedForward {
  private let expand, contract: Linear
  /// W₁ x of the pass under way.
  private var expanded: Matrix?

  init(expand: Linear, contract: Linear) { (self.expand, self.contract) = (expand, contract) }

  var linears: [Linear] { [expand, contract] }

  func forward(_ x: Matrix, into y: Matrix, _ pass: Pass) {
    let expanded = pass.kept(x.rows, expand.outputs), active = pass.scratch.matrix(x.rows, expand.outputs)
    expand.forward(x, into: expanded, pass)
    ck_gelu_tanh_forward(expanded.count, expanded.base, active.base)
    contract.forward(active, into: y, pass)
    if pass.keepsActivations { self.expanded = expanded }
  }

  func backward(_ dy: Matrix, input: () -> Matrix, into dx: Matrix, _ pass: Pass) {
    guard let expanded else { preconditionFailure("backward without a forward that keeps activations") }
    self.expanded = nil
    // y = W₂ active
    var active: Matrix?
    if contract.needsInput {
      active = pass.scratch.matrix(expanded.rows, expanded.columns)
      ck_gelu_tanh_forward(expanded.count, expanded.base, active!.base)
    }
    let dExpanded = pass.scratch.matrix(expanded.rows, expanded.columns)
    contract.backward(dy, x: active, into: dExpanded, pass)
    // active = GELU(expanded)
    ck_gelu_tanh_backward(expanded.count, expanded.base, dExpanded.base)
    // expanded = W₁ x
    expand.backward(dExpanded, x: expand.needsInput ? input() : nil, into: dx, pass)
  }
}
