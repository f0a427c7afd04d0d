import CKernels
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

  public func forward(_ x: Matrix, into y: Matrix, _ pass: Pass) -> NormStatistics {
    let kept = pass.kept(2, x.rows)
    let (mean, rstd) = (kept.base, kept.base + x.rows)
    ck_layer_norm_forward(x.rows, x.columns, x.base, gamma.values, beta.values, epsilon, y.base, mean, rstd)
    return NormStatistics(mean: mean, rstd: rstd)
  }

  public func again(_ x: Matrix, _ statistics: NormStatistics, into y: Matrix) {
    ck_layer_norm_again(
      x.rows, x.columns, x.base, gamma.values, beta.values, statistics.mean!, statistics.rstd, y.base)
  }

  public func backward(_ dy: Matrix, x: Matrix, _ statistics: NormStatistics, addingTo dx: Matrix) {
    let mean = statistics.mean!
    if let dgamma = gamma.gradient, let dbeta = beta.gradient {
      ck_layer_norm_parameter_gradients(x.rows, x.columns, dy.base, x.base, mean, statistics.rstd, dgamma, dbeta)
    }
    ck_layer_norm_backward(x.rows, x.columns, dy.base, x.base, gamma.values, mean, statistics.rstd, dx.base)
  }
}
