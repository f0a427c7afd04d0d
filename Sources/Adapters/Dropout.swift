import Backbones
import Tensors

/// Inverted dropout (Srivastava et al. 2014) whose mask depends on the seed, the segment's running number and the site,
/// so that ranks, micro-batches and resumption change nothing, and the backward pass draws the same mask again.
struct Dropout {
  let rate: Float
  let site: String

  func isActive(_ pass: Pass) -> Bool { rate > 0 && pass.randomKey != nil }

  /// x, or a dropped copy of it in scratch memory.
  func apply(_ x: Matrix, _ pass: Pass) -> Matrix {
    guard isActive(pass) else { return x }
    let y = pass.scratch.matrix(x.rows, x.columns)
    drop(x, into: y, pass)
    return y
  }

  /// Drops elements of x itself.
  func applyInPlace(_ x: Matrix, _ pass: Pass) { drop(x, into: x, pass) }

  /// dx += the gradient of the input of dropout(x) Aᵀ. Shapes: dz (tokens, r), a (r, inputs).
  func addBackward(_ dz: Matrix, _ a: Matrix, to dx: Matrix, _ pass: Pass) {
    guard isActive(pass) else { return dx.accumulate(dz.N, a.N) }
    let mark = pass.scratch.mark()
    let dropped = pass.scratch.matrix(dx.rows, dx.columns)
    dropped.set(dz.N, a.N)
    applyInPlace(dropped, pass)
    dx.add(dropped)
    pass.scratch.release(to: mark)
  }

  private func drop(_ x: Matrix, into y: Matrix, _ pass: Pass) {
    guard let key = pass.randomKey?.child("dropout").child(site) else { return }
    precondition(x.isContiguous && y.isContiguous, "dropout works on whole rows")
    for segment in pass.segments.indices {
      let rows = pass.rows(of: segment)
      let offset = rows.lowerBound * x.columns
      key.child(pass.segments[segment].ordinal).dropout(
        x.base + offset, into: y.base + offset, count: rows.count * x.columns, rate: rate)
    }
  }
}
