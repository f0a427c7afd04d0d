import Tensors

/// BERT's prediction of the tokens at some positions.
///
///     logits = E norm(act(T h + t)) + b
public final class MaskedLanguageModelHead: OutputHead {
  private let transform: Linear
  private let activation: PlainActivation
  private let norm: LayerNorm
  private(set) var projection: LanguageModelHead

  init(transform: Linear, activation: PlainActivation, norm: LayerNorm, projection: LanguageModelHead) {
    (self.transform, self.activation, self.norm, self.projection) = (transform, activation, norm, projection)
  }

  public var outputCount: Int { projection.outputCount }
  public var weight: Parameter { projection.weight }

  /// Makes the projection an array of its own with the numbers of `table`, and returns it; nil: it has its own already.
  func untie(from table: Parameter, named name: String) -> Parameter? {
    guard let own = projection.untied(from: table, named: name) else { return nil }
    projection = own
    return own.weight
  }

  /// What the projection reads, and what the way back needs.
  private struct Features {
    let transformed, active, normed: Matrix
    let statistics: NormStatistics
  }

  private func features(_ h: Matrix, _ pass: Pass) -> Features {
    func rows() -> Matrix { pass.scratch.matrix(h.rows, transform.outputs) }
    let transformed = rows(), active = rows(), normed = rows()
    transform.forward(h, into: transformed, pass)
    activation.forward(transformed, into: active)
    let statistics = norm.forward(active, into: normed, pass)
    return Features(transformed: transformed, active: active, normed: normed, statistics: statistics)
  }

  public func logits(_ h: Matrix, into logits: Matrix, _ pass: Pass) {
    let mark = pass.scratch.mark()
    projection.logits(features(h, pass).normed, into: logits, pass)
    pass.scratch.release(to: mark)
  }

  public func loss(
    _ h: Matrix, _ truth: Truth, losses: UnsafeMutableBufferPointer<Double>, dh: Matrix?, _ pass: Pass
  ) {
    let mark = pass.scratch.mark()
    let features = features(h, pass)
    guard let dh else {
      projection.loss(features.normed, truth, losses: losses, dh: nil, pass)
      return pass.scratch.release(to: mark)
    }
    let dNormed = pass.scratch.matrix(h.rows, transform.outputs)
    projection.loss(features.normed, truth, losses: losses, dh: dNormed, pass)
    pass.backward {
      // normed = norm(active)
      let dActive = pass.scratch.matrix(h.rows, transform.outputs)
      dActive.fill(0)
      norm.backward(dNormed, x: features.active, features.statistics, addingTo: dActive)
      // active = act(T h + t)
      activation.backward(features.transformed, dActive)
      transform.backward(dActive, x: h, into: dh, pass)
    }
    pass.scratch.release(to: mark)
  }
}
