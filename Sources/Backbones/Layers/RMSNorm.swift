import CKernels
import Tensors

/// Root-mean-square normalisation (Zhang and Sennrich 2019).
///
///     y = x / sqrt(mean(x²) + epsilon) · (offset + weight)        over the last axis
public struct RMSNorm: Norm {
  public let weight: Parameter
  /// 0; Gemma stores its weights less 1.
  public let offset: Float
  public let epsilon: Float

  public init(weight: Parameter, offset: Float = 0, epsilon: Float) {
    self.weight = weight
    self.offset = offset
    self.epsilon = epsilon
  }

  public var isTrained: Bool { weight.isTrained }

  public func forward(_ x: Matrix, into y: Matrix, _ pass: Pass) -> NormStatistics {
    let rstd = pass.kept(1, x.rows).base
    ck_rms_norm_forward(x.rows, x.columns, x.base, weight.values, offset, epsilon, y.base, rstd)
    return NormStatistics(mean: nil, rstd: rstd)
  }

  public func again(_ x: Matrix, _ statistics: NormStatistics, into y: Matrix) {
    ck_rms_norm_again(x.rows, x.columns, x.base, weight.values, offset, statistics.rstd, y.base)
  }

  public func backward(_ dy: Matrix, x: Matrix, _ statistics: NormStatistics, addingTo dx: Matrix) {
    if let gradient = weight.gradient {
      ck_rms_norm_weight_gradient(x.rows, x.columns, dy.base, x.base, statistics.rstd, gradient)
    }
    ck_rms_norm_backward(x.rows, x.columns, dy.base, x.base, weight.values, offset, statistics.rstd, dx.base)
  }
}
