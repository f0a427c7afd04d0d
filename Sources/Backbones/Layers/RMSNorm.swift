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

  var statisticCount: Int { 1 }

  public func forward(_ x: Matrix, into y: Matrix, _ pass: Pass) -> NormStatistics {
    let rstd = pass.kept(1, x.rows)
    y.setRMSNorm(of: x, weight: weight.vector, offset: offset, epsilon: epsilon, rstd: rstd)
    return NormStatistics(mean: nil, rstd: rstd)
  }

  public func again(_ x: Matrix, _ statistics: NormStatistics, into y: Matrix) {
    y.setRMSNorm(of: x, weight: weight.vector, offset: offset, rstd: statistics.rstd)
  }

  public func backward(_ dy: Matrix, x: Matrix, _ statistics: NormStatistics, addingTo dx: Matrix) {
    if let gradient = weight.gradient { dy.addRMSNormGradient(x: x, rstd: statistics.rstd, weight: gradient) }
    dx.addRMSNormGradient(dy, x: x, weight: weight.vector, offset: offset, rstd: statistics.rstd)
  }
}
