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

  func forward(_ x: Matrix, into y: Matrix?, _ context: StackContext) {
    let pass = context.pass, expanded = pass.kept(x.rows, expand.outputs)
    expand.forward(x, into: expanded, pass)
    if pass.keepsActivations { self.expanded = expanded }
    guard y != nil || contract.adapter != nil else { return }
    contract.forward(active(expanded, pass), into: y, pass)
  }

  /// act(W₁ x).
  private func active(_ expanded: Matrix, _ pass: Pass) -> Matrix {
    let active = pass.scratch.matrix(expanded.rows, expanded.columns)
    activation.forward(expanded, into: active)
    return active
  }

  func memory(_ counts: MemoryCounts) -> PassMemory {
    let rows = counts.rows.output, inner = rows * expand.outputs
    let adapters = linears.adapterMemory(rows: rows)
    return PassMemory(
      kept: inner + adapters.kept, forward: inner + adapters.forward,
      backward: inner + (contract.needsInput ? inner : 0) + adapters.backward)
  }

  func work(_ counts: RowCounts) -> PassWork {
    var work = PassWork()
    work.elements = 6 * Double(expand.outputs) * Double(counts.output)
    return work
  }

  func backward(_ dy: Matrix, input: () -> Matrix, into dx: Matrix?, _ context: StackContext) {
    guard let expanded else { preconditionFailure("backward without a forward that keeps activations") }
    self.expanded = nil
    let pass = context.pass
    // y = W₂ active
    let active = contract.needsInput ? active(expanded, pass) : nil
    guard dx != nil || expand.isTrained else { return contract.backward(dy, x: active, into: nil, pass) }
    let dExpanded = pass.scratch.matrix(expanded.rows, expanded.columns)
    contract.backward(dy, x: active, into: dExpanded, pass)
    // active = act(expanded)
    activation.backward(expanded, dExpanded)
    // expanded = W₁ x
    expand.backward(dExpanded, x: expand.needsInput ? input() : nil, into: dx, pass)
  }
}
