import Tensors

/// Two maps with a nonlinearity between them: the part of a block that treats every position alone.
///
///     y = W₂ act(W₁ x)
final class PlainFeedForward: Sublayer {
  private let expand, contract: Linear
  private let activation: PlainActivation
  /// W₁ x of the pass under way.
  private var expanded: Matrix?

  init(expand: Linear, contract: Linear, activation: PlainActivation = .geluTanh) {
    (self.expand, self.contract, self.activation) = (expand, contract, activation)
  }

  var linears: [Linear] { [expand, contract] }

  func forward(_ x: Matrix, into y: Matrix, _ context: StackContext) {
    let pass = context.pass
    let expanded = pass.kept(x.rows, expand.outputs), active = pass.scratch.matrix(x.rows, expand.outputs)
    expand.forward(x, into: expanded, pass)
    activation.forward(expanded, into: active)
    contract.forward(active, into: y, pass)
    if pass.keepsActivations { self.expanded = expanded }
  }

  func backward(_ dy: Matrix, input: () -> Matrix, into dx: Matrix?, _ context: StackContext) {
    guard let expanded else { preconditionFailure("backward without a forward that keeps activations") }
    self.expanded = nil
    let pass = context.pass
    // y = W₂ active
    var active: Matrix?
    if contract.needsInput {
      active = pass.scratch.matrix(expanded.rows, expanded.columns)
      activation.forward(expanded, into: active!)
    }
    guard dx != nil || expand.isTrained else { return contract.backward(dy, x: active, into: nil, pass) }
    let dExpanded = pass.scratch.matrix(expanded.rows, expanded.columns)
    contract.backward(dy, x: active, into: dExpanded, pass)
    // active = act(expanded)
    activation.backward(expanded, dExpanded)
    // expanded = W₁ x
    expand.backward(dExpanded, x: expand.needsInput ? input() : nil, into: dx, pass)
  }
}
