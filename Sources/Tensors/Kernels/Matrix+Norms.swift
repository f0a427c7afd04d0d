import CKernels

/// Norms of each row of contiguous matrices. Vectors, such as gamma and a number a row, are matrices of one row.
extension Matrix {
  // MARK: Layer norm: y = (x - mean) rstd gamma + beta, rstd = 1 / sqrt(variance + epsilon)

  /// Sets this matrix, mean and rstd.
  public func setLayerNorm(
    of x: Matrix, gamma: Matrix, beta: Matrix, epsilon: Float, mean: Matrix, rstd: Matrix
  ) {
    requireRows(x, [gamma, beta], [mean, rstd])
    ck_layer_norm_forward(
      x.rows, x.columns, x.base, gamma.base, beta.base, epsilon, base, mean.base, rstd.base)
  }

  /// Sets this matrix again, from kept mean and rstd.
  public func setLayerNorm(of x: Matrix, gamma: Matrix, beta: Matrix, mean: Matrix, rstd: Matrix) {
    requireRows(x, [gamma, beta], [mean, rstd])
    ck_layer_norm_again(x.rows, x.columns, x.base, gamma.base, beta.base, mean.base, rstd.base, base)
  }

  /// Adds the gradient of x, from that of y.
  public func addLayerNormGradient(_ dy: Matrix, x: Matrix, gamma: Matrix, mean: Matrix, rstd: Matrix) {
    requireRows(x, [gamma], [mean, rstd])
    requireShape(dy)
    ck_layer_norm_backward(x.rows, x.columns, dy.base, x.base, gamma.base, mean.base, rstd.base, base)
  }

  /// Adds the gradients of gamma and beta; this matrix is the gradient of y.
  public func addLayerNormGradients(x: Matrix, mean: Matrix, rstd: Matrix, gamma: Matrix, beta: Matrix) {
    requireRows(x, [gamma, beta], [mean, rstd])
    ck_layer_norm_parameter_gradients(
      x.rows, x.columns, base, x.base, mean.base, rstd.base, gamma.base, beta.base)
  }

  // MARK: Root-mean-square norm: y = x rstd (offset + weight), rstd = 1 / sqrt(mean(x²) + epsilon)

  /// Sets this matrix and rstd.
  public func setRMSNorm(of x: Matrix, weight: Matrix, offset: Float, epsilon: Float, rstd: Matrix) {
    requireRows(x, [weight], [rstd])
    ck_rms_norm_forward(x.rows, x.columns, x.base, weight.base, offset, epsilon, base, rstd.base)
  }

  /// Sets this matrix again, from kept rstd.
  public func setRMSNorm(of x: Matrix, weight: Matrix, offset: Float, rstd: Matrix) {
    requireRows(x, [weight], [rstd])
    ck_rms_norm_again(x.rows, x.columns, x.base, weight.base, offset, rstd.base, base)
  }

  /// Adds the gradient of x, from that of y.
  public func addRMSNormGradient(_ dy: Matrix, x: Matrix, weight: Matrix, offset: Float, rstd: Matrix) {
    requireRows(x, [weight], [rstd])
    requireShape(dy)
    ck_rms_norm_backward(x.rows, x.columns, dy.base, x.base, weight.base, offset, rstd.base, base)
  }

  /// Adds the gradient of the weight; this matrix is the gradient of y.
  public func addRMSNormGradient(x: Matrix, rstd: Matrix, weight: Matrix) {
    requireRows(x, [weight], [rstd])
    ck_rms_norm_weight_gradient(x.rows, x.columns, base, x.base, rstd.base, weight.base)
  }

  private func requireRows(_ x: Matrix, _ byColumn: [Matrix], _ byRow: [Matrix]) {
    requireShape(x)
    precondition(isContiguous && x.isContiguous, "norms work on whole rows")
    for vector in byColumn { requireVector(vector, columns) }
    for vector in byRow { requireVector(vector, rows) }
  }
}
