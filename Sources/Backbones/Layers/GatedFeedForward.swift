import Tensors

/// A feed-forward whose one half gates the other (Shazeer 2020).
///
///     y = down(act(gate(x)) ∘ up(x))
final class GatedFeedForward: Sublayer {
  private let gate, up, down: Linear
  private let activation: GateActivation
  /// gate(x) and up(x) of the pass under way.
  private var activations: (gate: Matrix, up: Matrix)?

  init(gate: Linear, up: Linear, down: Linear, activation: GateActivation) {
    (self.gate, self.up, self.down, self.activation) = (gate, up, down, activation)
  }

  var linears: [Linear] { [gate, up, down] }

  func forward(_ x: Matrix, into y: Matrix?, _ context: StackContext) {
    let pass = context.pass
    let g = pass.kept(x.rows, gate.outputs), u = pass.kept(x.rows, up.outputs)
    gate.forward(x, into: g, pass)
    up.forward(x, into: u, pass)
    if pass.keepsActivations { activations = (g, u) }
    guard y != nil || down.adapter != nil else { return }
    down.forward(product(g, u, pass), into: y, pass)
  }

  /// act(gate) ∘ up.
  private func product(_ g: Matrix, _ u: Matrix, _ pass: Pass) -> Matrix {
    let y = pass.scratch.matrix(g.rows, g.columns)
    activation.forward(gate: g, up: u, into: y)
    return y
  }

  func memory(_ counts: MemoryCounts) -> PassMemory {
    let rows = counts.rows.output, inner = rows * gate.outputs
    let adapters = linears.adapterMemory(rows: rows)
    return PassMemory(
      kept: 2 * inner + adapters.kept, forward: inner + adapters.forward,
      backward: 2 * inner + (down.needsInput ? inner : 0) + rows * gate.inputs + adapters.backward)
  }

  func work(_ counts: RowCounts) -> PassWork {
    var work = PassWork()
    work.elements = 10 * Double(gate.outputs) * Double(counts.output)
    return work
  }

  func backward(_ dy: Matrix, input: () -> Matrix, into dx: Matrix?, _ context: StackContext) {
    guard let (g, u) = activations else { preconditionFailure("backward without a forward that keeps activations") }
    activations = nil
    let pass = context.pass, active = down.needsInput ? product(g, u, pass) : nil
    // y = down(active)
    guard dx != nil || gate.isTrained || up.isTrained else { return down.backward(dy, x: active, into: nil, pass) }
    let dActive = pass.scratch.matrix(g.rows, g.columns), dGate = pass.scratch.matrix(g.rows, g.columns)
    down.backward(dy, x: active, into: dActive, pass)
    // active = act(gate) ∘ up
    activation.backward(gate: g, up: u, dActive, dGate: dGate)
    let dUp = dActive
    // gate = gate(x), up = up(x)
    let x = gate.needsInput || up.needsInput ? input() : nil
    gate.backward(dGate, x: x, into: dx, pass)
    let part = dx.map { pass.scratch.matrix($0.rows, $0.columns) }
    up.backward(dUp, x: x, into: part, pass)
    if let dx, let part { dx.add(part) }
  }
}
