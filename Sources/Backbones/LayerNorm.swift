import CKernels
import Tensors

/// Layer normalisation (Ba et al. 2016).
///
///     y = (x - mean) / sqrt(variance + epsilon) · gamma + beta        over the last axis
public struct LayerNorm {
  public let gamma: Parameter
  public let beta: Parameter
  public let epsilon: Float

  /// What the backward pass needs besides x: one mean and one 1/σ a row.
  public struct Statistics {
    let mean: UnsafeMutablePointer<Float>
    let rstd: UnsafeMutablePointer<Float>
  }

  public init(gamma: Parameter, beta: Parameter, epsilon: Float) {
    self.gamma = gamma
    self.beta = beta
    self.epsilon = epsilon
  }

  public var isTrained: Bool { gamma.isTrained || beta.isTrained }

  /// y = the normalised x. Shapes: (tokens, width), contiguous.
  public func forward(_ x: Matrix, into y: Matrix, _ pass: Pass) -> Statistics {
    let kept = pass.kept(2, x.rows)
    let statistics = Statistics(mean: kept.base, rstd: kept.base + x.rows)
    ck_layer_norm_forward(
      x.rows, x.columns, x.base, gamma.values, beta.values, epsilon, y.base, statistics.mean, statistics.rstd)
    return statistics
  }

  /// The forward pass's y again: cheaper than keeping it.
  public func again(_ x: Matrix, _ statistics: Statistics, into y: Matrix) {
    ck_layer_norm_again(
      x.rows, x.columns, x.base, gamma.values, beta.values, statistics.mean, statistics.rstd, y.base)
  }

  /// Adds the parameters' gradients, if trained, and the input's to dx.
  public func backward(_ dy: Matrix, x: Matrix, _ statistics: Statistics, addingTo dx: Matrix) {
    if let dgamma = gamma.gradient, let dbeta = beta.gradient {
      ck_layer_norm_parameter_gradients(
        x.rows, x.columns, dy.base, x.base, statistics.mean, statistics.rstd, dgamma, dbeta)
    }
    ck_layer_norm_backward(
      x.rows, x.columns, dy.base, x.base, gamma.values, statistics.mean, statistics.rstd, dx.base)
  }
}
