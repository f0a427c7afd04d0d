import CKernels

/// Norms of each row of contiguous matrices. Vectors, such as gamma and a number a row, are matrices of one row.
extension Matrix {
  // MARK: Layer norm: y = (x - mean) rstd gamma + beta, rstd = 1 / sqrt(variance + epsilon)

  /// Sets this matrix, mean and rstd.
  public func setLayerNorm(
    of x: Matrix, gamma: Matrix, beta: Matrix, epsilon: Float, mean: Matrix, rstd: Matrix
  ) {
    requireRows(x, [gamma, beta], [mean, rstd])
    eachBlock { rows in
      ck_layer_norm_forward(
        rows.count, columns, x.start(of: rows), gamma.base, beta.base, epsilon, start(of: rows),
        mean.base + rows.lowerBound, rstd.base + rows.lowerBound)
    }
  }

  /// Sets this matrix again, from kept mean and rstd.
  public func setLayerNorm(of x: Matrix, gamma: Matrix, beta: Matrix, mean: Matrix, rstd: Matrix) {
    requireRows(x, [gamma, beta], [mean, rstd])
    eachBlock { rows in
      ck_layer_norm_again(
        rows.count, columns, x.start(of: rows), gamma.base, beta.base, mean.base + rows.lowerBound,
        rstd.base + rows.lowerBound, start(of: rows))
    }
  }

  /// Adds the gradient of x, from that of y.
  public func addLayerNormGradient(_ dy: Matrix, x: Matrix, gamma: Matrix, mean: Matrix, rstd: Matrix) {
    requireRows(x, [gamma], [mean, rstd])
    requireShape(dy)
    eachBlock { rows in
      ck_layer_norm_backward(
        rows.count, columns, dy.start(of: rows), x.start(of: rows), gamma.base, mean.base + rows.lowerBound,
        rstd.base + rows.lowerBound, start(of: rows))
    }
  }

  /// Adds the gradients of gamma and beta; this matrix is the gradient of y.
  public func addLayerNormGradients(x: Matrix, mean: Matrix, rstd: Matrix, gamma: Matrix, beta: Matrix) {
    requireRows(x, [gamma, beta], [mean, rstd])
    Threads.columns(columns, height: rows) { part in
      let first = part.lowerBound
      ck_layer_norm_parameter_gradients(
        rows, part.count, base + first, x.base + first, columns, mean.base, rstd.base, gamma.base + first,
        beta.base + first)
    }
  }

  // MARK: Root-mean-square norm: y = x rstd (offset + weight), rstd = 1 / sqrt(mean(x²) + epsilon)

  /// Sets this matrix and rstd.
  public func setRMSNorm(of x: Matrix, weight: Matrix, offset: Float, epsilon: Float, rstd: Matrix) {
    requireRows(x, [weight], [rstd])
    eachBlock { rows in
      ck_rms_norm_forward(
        rows.count, columns, x.start(of: rows), weight.base, offset, epsilon, start(of: rows),
        rstd.base + rows.lowerBound)
    }
  }

  /// Sets this matrix again, from kept rstd.
  public func setRMSNorm(of x: Matrix, weight: Matrix, offset: Float, rstd: Matrix) {
    requireRows(x, [weight], [rstd])
    eachBlock { rows in
      ck_rms_norm_again(
        rows.count, columns, x.start(of: rows), weight.base, offset, rstd.base + rows.lowerBound, start(of: rows))
    }
  }

  /// Adds the gradient of x, from that of y.
  public func addRMSNormGradient(_ dy: Matrix, x: Matrix, weight: Matrix, offset: Float, rstd: Matrix) {
    requireRows(x, [weight], [rstd])
    requireShape(dy)
    eachBlock { rows in
      ck_rms_norm_backward(
        rows.count, columns, dy.start(of: rows), x.start(of: rows), weight.base, offset,
        rstd.base + rows.lowerBound, start(of: rows))
    }
  }

  /// Adds the gradient of the weight; this matrix is the gradient of y.
  public func addRMSNormGradient(x: Matrix, rstd: Matrix, weight: Matrix) {
    requireRows(x, [weight], [rstd])
    Threads.columns(columns, height: rows) { part in
      let first = part.lowerBound
      ck_rms_norm_weight_gradient(
        rows, part.count, base + first, x.base + first, columns, rstd.base, weight.base + first)
    }
  }

  private func requireRows(_ x: Matrix, _ byColumn: [Matrix], _ byRow: [Matrix]) {
    requireShape(x)
    precondition(isContiguous && x.isContiguous, "norms work on whole rows")
    for vector in byColumn { requireVector(vector, columns) }
    for vector in byRow { requireVector(vector, rows) }
  }
}
