import Backbones
import Tensors

/// DoRA (Liu et al. 2024, eq. 5): LoRA moves the direction of W's columns, a vector their length.
///
///     y = b + c ∘ (x W + s z Bᵀ)        z = x Aᵀ,  c_o = m_o / ‖(W + s Aᵀ Bᵀ)_o‖
///
/// The norm counts as a constant in the gradient (their section 4.3). With dropout, as in PEFT, the frozen map of the
/// whole input stays and everything else sees the dropped one: y = x W + b + (c - 1) ∘ (x̃ W) + c ∘ s z̃ Bᵀ.
///
/// Shapes: A and B as LoRA's; m (outputs), the norms of W's columns at first.
final class DoRAAdapter: LinearAdapter {
  private let a, b, magnitude: ParameterPair
  private let scale: Float
  private let dropout: Dropout
  /// ‖W_o‖² of the map as it starts, which is how it stays unless it is trained whole beside DoRA.
  private let squares: [Float]
  private var activations: Activations?
  /// 1 / norm of the last evaluation, and the factors it belongs to: decoding asks for it at every token.
  private var lastNorms: (a: [Float], b: [Float], inverse: [Float])?

  /// z, u = x̃ W + s z Bᵀ, and c / m = 1 / norm of the pass under way.
  private struct Activations {
    let z, u, inverseNorms: Matrix
  }

  init(
    at site: Linear, a: ParameterPair, b: ParameterPair, magnitude: ParameterPair, scale: Float, dropout: Dropout
  ) {
    (self.a, self.b, self.magnitude, self.scale, self.dropout) = (a, b, magnitude, scale, dropout)
    squares = site.outputSquares()
  }

  let needsInput = true

  func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    let z = pass.kept(x.rows, a.values.rows), u = pass.kept(x.rows, y.columns)
    let inverseNorms = pass.kept(1, y.columns)
    let mark = pass.scratch.mark()
    setNorms(inverseNorms, base, pass)
    let dropped = dropout.apply(x, pass)
    z.set(dropped.N, a.values.T)
    base.multiply(dropped, into: u, pass)
    precondition(y.isContiguous, "\(base.path): DoRA writes whole rows")
    if dropout.isActive(pass) {
      // y = x W + b - x̃ W + c ∘ u
      base.applyBase(x, into: y, pass)
      y.add(u, times: -1)
    } else if let bias = base.bias {
      y.setRows(to: bias.vector)
    } else {
      y.fill(0)
    }
    u.accumulate(z.N, b.values.T, alpha: scale)
    y.addColumns(of: u, scaledBy: factors(inverseNorms, pass))
    pass.scratch.release(to: mark)
    if pass.keepsActivations { activations = Activations(z: z, u: u, inverseNorms: inverseNorms) }
  }

  func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    guard let x, let saved = activations else {
      preconditionFailure("backward without a forward that keeps activations")
    }
    activations = nil
    let mark = pass.scratch.mark()
    // y = … + (m ∘ inverseNorms) ∘ u
    let sums = pass.scratch.matrix(1, dy.columns)
    sums.fill(0)
    dy.addColumnProducts(saved.u, to: sums)
    sums.addColumnProducts(saved.inverseNorms, to: magnitude.gradient.reshaped(columns: dy.columns))
    let c = factors(saved.inverseNorms, pass), du = pass.scratch.matrix(dy.rows, dy.columns)
    du.setColumns(of: dy, scaledBy: c)
    // u = x̃ W + s z Bᵀ
    b.gradient.accumulate(du.T, saved.z.N, alpha: scale)
    let dz = pass.scratch.matrix(saved.z.rows, saved.z.columns)
    dz.set(du.N, b.values.N, alpha: scale)
    // z = x̃ Aᵀ
    a.gradient.accumulate(dz.T, dropout.apply(x, pass).N)
    backwardBase(dy, x, du, dz, into: dx, base, pass)
    pass.scratch.release(to: mark)
  }

  /// The map's own gradients, where it trains too, and that of the input.
  private func backwardBase(
    _ dy: Matrix, _ x: Matrix, _ du: Matrix, _ dz: Matrix, into dx: Matrix?, _ base: Linear, _ pass: Pass
  ) {
    base.addBiasGradient(dy, pass)
    guard dropout.isActive(pass) else {
      base.addWeightGradient(x: x, du, pass)
      guard let dx else { return }
      base.multiplyTransposed(du, into: dx, pass)
      return dx.accumulate(dz.N, a.values.N)
    }
    // y = x W + b + x̃-part, where d(x̃ W) = du - dy
    du.add(dy, times: -1)
    if base.weight.isTrained {
      base.addWeightGradient(x: x, dy, pass)
      base.addWeightGradient(x: dropout.apply(x, pass), du, pass)
    }
    guard let dx else { return }
    base.multiplyTransposed(dy, into: dx, pass)
    let dropped = pass.scratch.matrix(dx.rows, dx.columns)
    base.multiplyTransposed(du, into: dropped, pass)
    dropped.accumulate(dz.N, a.values.N)
    dropout.applyInPlace(dropped, pass)
    dx.add(dropped)
  }

  /// c = m / norm, (1, outputs).
  private func factors(_ inverseNorms: Matrix, _ pass: Pass) -> Matrix {
    let c = pass.scratch.matrix(1, inverseNorms.columns)
    c.setColumns(of: inverseNorms, scaledBy: magnitude.values.reshaped(columns: c.columns))
    return c
  }

  /// 1 / norm: computed, or, in evaluation, that of the pass before if nothing has changed.
  private func setNorms(_ result: Matrix, _ base: Linear, _ pass: Pass) {
    guard pass.randomKey == nil, !pass.keepsActivations, !base.weight.isTrained else {
      return setInverseNorms(result, base, pass)
    }
    if let lastNorms, lastNorms.a.elementsEqual(a.values.elements), lastNorms.b.elementsEqual(b.values.elements) {
      _ = result.elements.update(from: lastNorms.inverse)
    } else {
      setInverseNorms(result, base, pass)
      lastNorms = (a.values.array(), b.values.array(), result.array())
    }
  }

  /// 1 / ‖(W + s Aᵀ Bᵀ)_o‖ without forming the sum: ‖W_o‖² + 2 s B_o (A W)_o + s² B_o (A Aᵀ) B_oᵀ.
  private func setInverseNorms(_ result: Matrix, _ base: Linear, _ pass: Pass) {
    let rank = a.values.rows, squares = base.weight.isTrained ? base.outputSquares() : squares
    let aw = pass.scratch.matrix(rank, result.columns), aa = pass.scratch.matrix(rank, rank)
    base.multiplyExactly(a.values, into: aw, pass)
    aa.set(a.values.N, a.values.T)
    let baa = pass.scratch.matrix(result.columns, rank)
    baa.set(b.values.N, aa.N)
    result.setInverseNorms(squares: squares, aw: aw, b: b.values, baa: baa, scale: scale)
  }
}
