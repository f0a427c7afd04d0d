import Tensors

/// Layer normalisation (Ba et al. 2016).
///
///     y = (x - mean) / sqrt(variance + epsilon) · gamma + beta        over the last axis
public struct LayerNorm: Norm {
  public let gamma: Parameter
  public let beta: Parameter
  public let epsilon: Float

  public init(gamma: Parameter, beta: Parameter, epsilon: Float) {
    self.gamma = gamma
    self.beta = beta
    self.epsilon = epsilon
  }

  public var isTrained: Bool { gamma.isTrained || beta.isTrained }

  var statisticCount: Int { 2 }

  public func forward(_ x: Matrix, into y: Matrix, _ pass: Pass) -> NormStatistics {
    let kept = pass.kept(2, x.rows), mean = kept.rows(0..<1), rstd = kept.rows(1..<2)
    y.setLayerNorm(of: x, gamma: gamma.vector, beta: beta.vector, epsilon: epsilon, mean: mean, rstd: rstd)
    return NormStatistics(mean: mean, rstd: rstd)
  }

  public func again(_ x: Matrix, _ statistics: NormStatistics, into y: Matrix) {
    y.setLayerNorm(of: x, gamma: gamma.vector, beta: beta.vector, mean: statistics.mean!, rstd: statistics.rstd)
  }

  public func backward(_ dy: Matrix, x: Matrix, _ statistics: NormStatistics, addingTo dx: Matrix) {
    let mean = statistics.mean!, rstd = statistics.rstd
    if let dGamma = gamma.gradient, let dBeta = beta.gradient {
      dy.addLayerNormGradients(x: x, mean: mean, rstd: rstd, gamma: dGamma, beta: dBeta)
    }
    dx.addLayerNormGradient(dy, x: x, gamma: gamma.vector, mean: mean, rstd: rstd)
  }
}
