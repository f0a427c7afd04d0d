import Backbones
import Tensors

/// The rule "multiply, then mix": each expert is a low-rank product, and the products' outputs are added up by gates.
///
///     y = x W + b + s Σ_i g_i (x A_iᵀ) B_iᵀ
///
/// Gates belong to blocks of rank dimensions: with one block an expert has one gate, with r blocks each of its rank
/// dimensions has its own (MoDE). The experts may share A. All experts in use go through one product with the A's
/// stacked, and one with the B's side by side; the gates act on the few numbers between the two.
///
/// Shapes: A (experts, r, inputs) or, shared, (r, inputs); B (experts, outputs, r).
final class ProductMixture: LinearAdapter, TokenRouted {
  private let a, b: ParameterPair
  private let adapterRank, block, outputs: Int
  private let sharesDown: Bool
  private let scale: Float
  private let dropout: Dropout
  let gates: any Gates
  /// x A_iᵀ of the experts in use, then their gates: (tokens, ranks + gates) of the pass under way.
  private var down: Matrix?

  /// - Parameters:
  ///   - configuration: For r, α and dropout.
  ///   - block: Rank dimensions that share a gate, a divisor of r; nil: all.
  ///   - sharesDown: Whether there is one A for all experts.
  init(
    at site: Linear, a: ParameterPair, b: ParameterPair, configuration: AdapterConfiguration, block: Int? = nil,
    sharesDown: Bool = false, gates: any Gates
  ) {
    self.a = (a.values.reshaped(columns: site.inputs), a.gradient.reshaped(columns: site.inputs))
    (self.b, self.gates, self.sharesDown, outputs) = (b, gates, sharesDown, site.outputs)
    adapterRank = configuration.adapterRank
    self.block = block ?? adapterRank
    scale = Float(configuration.loraAlpha / Double(adapterRank))
    dropout = Dropout(rate: Float(configuration.loraDropout), site: site.path)
  }

  /// What such an adapter takes of a pass: ``down`` and, for a while, the gated numbers, the gradients of both, and the
  /// chosen factors.
  ///
  /// - Parameters:
  ///   - experts: In use.
  ///   - gates: A row's.
  ///   - copiesDown: Whether the A's in use are gathered.
  static func memory(
    at site: Linear, _ configuration: AdapterConfiguration, experts: Int, gates: Int, sharesDown: Bool = false,
    copiesDown: Bool = false
  ) -> AdapterMemory {
    let rank = configuration.adapterRank, wide = experts * rank, kept = (sharesDown ? rank : wide) + gates
    let dropped = configuration.loraDropout > 0 ? site.inputs : 0
    let packed = experts > 1 ? site.outputs * wide : 0, chosen = copiesDown ? wide * site.inputs : 0
    return AdapterMemory(
      keptPerRow: kept, forwardPerRow: wide + dropped, backwardPerRow: kept + wide + 2 * dropped,
      fixed: 2 * max(packed, chosen))
  }

  let needsInput = true
  var tokenRouter: TokenRouter? { gates as? TokenRouter }

  func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    base.applyBase(x, into: y, pass)
    let experts = gates.experts(in: pass)
    let down = pass.kept(x.rows, downRows(experts) + gates.width(experts))
    let mark = pass.scratch.mark()
    project(x, experts, into: down, pass)
    gates.open(gateColumns(of: down, experts), experts, pass)
    y.accumulate(mixed(down, experts, pass).N, sideBySide(experts, pass).T, alpha: scale)
    pass.scratch.release(to: mark)
    if pass.keepsActivations { self.down = down }
  }

  func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    guard let x, let down else { preconditionFailure("backward without a forward that keeps activations") }
    self.down = nil
    let experts = gates.experts(in: pass)
    let mark = pass.scratch.mark()
    // y = x W + b + s h Bᵀ
    base.backwardBase(dy, x: x, into: dx, pass)
    let h = mixed(down, experts, pass)
    addUpGradient(dy, h, experts, pass)
    let dh = h  // its numbers are not needed any more
    dh.set(dy.N, sideBySide(experts, pass).N, alpha: scale)
    // h = g ∘ z
    let dDown = pass.scratch.matrix(down.rows, down.columns)
    let z = rankColumns(of: down, experts), dz = rankColumns(of: dDown, experts)
    let g = gateColumns(of: down, experts), dg = gateColumns(of: dDown, experts)
    expertGates(experts).mixBackward(dh, z, g, dz: dz, dGates: dg)
    gates.close(gradient: dg, gates: g, experts, pass)
    // z = dropout(x) Aᵀ, logits = x Rᵀ
    project(back: dDown, x, into: dx, experts, pass)
    pass.scratch.release(to: mark)
  }

  // MARK: The two products

  private func downRows(_ experts: [Int32]) -> Int { sharesDown ? adapterRank : adapterRank * experts.count }

  private func expertGates(_ experts: [Int32]) -> ExpertGates {
    ExpertGates(expertCount: experts.count, adapterRank: adapterRank, block: block, sharesInput: sharesDown)
  }

  private func rankColumns(of down: Matrix, _ experts: [Int32]) -> Matrix { down.columns(0..<downRows(experts)) }

  private func gateColumns(of down: Matrix, _ experts: [Int32]) -> Matrix {
    down.columns(downRows(experts)..<down.columns)
  }

  /// Whether experts are used in their order and none is left out.
  private func usesAll(_ experts: [Int32]) -> Bool { sharesDown || experts.count * adapterRank == a.values.rows }

  /// A and the router as one matrix, if they lie side by side and see the same input.
  private func stacked(_ pass: Pass) -> ParameterPair? {
    guard let router = gates.router, !dropout.isActive(pass) else { return nil }
    func joined(_ a: Matrix, _ router: Matrix) -> Matrix {
      precondition(router.base == a.base + a.count, "the router follows A in memory")
      return Matrix(base: a.base, rows: a.rows + router.rows, columns: a.columns)
    }
    return (joined(a.values, router.values), joined(a.gradient, router.gradient))
  }

  /// Sets z and the router's logits.
  private func project(_ x: Matrix, _ experts: [Int32], into down: Matrix, _ pass: Pass) {
    if let stacked = stacked(pass) { return down.set(x.N, stacked.values.T) }
    rankColumns(of: down, experts).set(dropout.apply(x, pass).N, chosenDown(experts, pass).T)
    if let router = gates.router { gateColumns(of: down, experts).set(x.N, router.values.T) }
  }

  /// Adds the gradients of A and the router, and those of the input.
  private func project(back dDown: Matrix, _ x: Matrix, into dx: Matrix?, _ experts: [Int32], _ pass: Pass) {
    if let stacked = stacked(pass) {
      stacked.gradient.accumulate(dDown.T, x.N)
      dx?.accumulate(dDown.N, stacked.values.N)
      return
    }
    let dz = rankColumns(of: dDown, experts), dLogits = gateColumns(of: dDown, experts)
    addDownGradient(dz, dropout.apply(x, pass), experts, pass)
    gates.router?.gradient.accumulate(dLogits.T, x.N)
    guard let dx else { return }
    if let router = gates.router { dx.accumulate(dLogits.N, router.values.N) }
    dropout.addBackward(dz, chosenDown(experts, pass), to: dx, pass)
  }

  /// The A's of the experts in use, one above the other.
  private func chosenDown(_ experts: [Int32], _ pass: Pass) -> Matrix {
    if usesAll(experts) { return a.values }
    let chosen = pass.scratch.matrix(downRows(experts), a.values.columns)
    for (place, expert) in experts.enumerated() { rows(of: chosen, place).copy(from: rows(of: a.values, Int(expert))) }
    return chosen
  }

  private func addDownGradient(_ dz: Matrix, _ x: Matrix, _ experts: [Int32], _ pass: Pass) {
    if usesAll(experts) { return a.gradient.accumulate(dz.T, x.N) }
    let gradient = pass.scratch.matrix(downRows(experts), a.values.columns)
    gradient.set(dz.T, x.N)
    for (place, expert) in experts.enumerated() { rows(of: a.gradient, Int(expert)).add(rows(of: gradient, place)) }
  }

  private func rows(of stack: Matrix, _ place: Int) -> Matrix {
    stack.rows(place * adapterRank..<(place + 1) * adapterRank)
  }

  /// The gated z of every expert side by side, (tokens, experts r).
  private func mixed(_ down: Matrix, _ experts: [Int32], _ pass: Pass) -> Matrix {
    let h = pass.scratch.matrix(down.rows, experts.count * adapterRank)
    let z = rankColumns(of: down, experts), g = gateColumns(of: down, experts)
    expertGates(experts).mix(z, g, into: h)
    return h
  }

  /// The B's of the experts in use side by side, (outputs, experts r).
  private func sideBySide(_ experts: [Int32], _ pass: Pass) -> Matrix {
    guard experts.count > 1 else { return only(experts[0], of: b.values) }
    let packed = pass.scratch.matrix(outputs, experts.count * adapterRank)
    packed.setSideBySide(experts, of: b.values, adapterRank: adapterRank)
    return packed
  }

  private func addUpGradient(_ dy: Matrix, _ h: Matrix, _ experts: [Int32], _ pass: Pass) {
    guard experts.count > 1 else {
      return only(experts[0], of: b.gradient).accumulate(dy.T, h.N, alpha: scale)
    }
    let packed = pass.scratch.matrix(outputs, experts.count * adapterRank)
    packed.set(dy.T, h.N, alpha: scale)
    b.gradient.addSideBySide(experts, packed, adapterRank: adapterRank)
  }

  /// One expert's up-projection, (outputs, r).
  private func only(_ expert: Int32, of stack: Matrix) -> Matrix {
    Matrix(base: stack.base + Int(expert) * outputs * adapterRank, rows: outputs, columns: adapterRank)
  }
}
