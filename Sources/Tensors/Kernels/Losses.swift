import CKernels

/// Losses of each row of contiguous logits, (rows, classes).
extension Matrix {
  /// Sets each row's cross-entropy of its class, in nats; the logits stay.
  public func crossEntropies(_ classes: ArraySlice<Int32>, into losses: UnsafeMutableBufferPointer<Double>) {
    requireLosses(classes.count, losses)
    classes.withUnsafeBufferPointer { classes in
      eachBlock { rows in
        let first = rows.lowerBound
        ck_cross_entropy_loss(
          rows.count, columns, start(of: rows), classes.baseAddress! + first, losses.baseAddress! + first)
      }
    }
  }

  /// Sets each row's cross-entropy of its class, in nats; the logits become its slopes by them.
  ///
  /// - Parameter softCap: The bound that the logits were capped with: the slopes are then those by what was capped.
  public func applyCrossEntropyGradient(
    _ classes: ArraySlice<Int32>, softCap: Float? = nil, losses: UnsafeMutableBufferPointer<Double>
  ) {
    requireLosses(classes.count, losses)
    classes.withUnsafeBufferPointer { classes in
      eachBlock { rows in
        let (logits, label) = (start(of: rows), classes.baseAddress! + rows.lowerBound)
        let loss = losses.baseAddress! + rows.lowerBound
        if let softCap {
          ck_cross_entropy_soft_capped(rows.count, columns, softCap, logits, label, loss)
        } else {
          ck_cross_entropy(rows.count, columns, logits, label, loss)
        }
      }
    }
  }

  /// Sets each row's squared difference from its target; the predictions, (rows, 1), become its slopes by them.
  public func applySquaredErrorGradient(
    _ targets: ArraySlice<Float>, losses: UnsafeMutableBufferPointer<Double>
  ) {
    precondition(columns == 1, "\(columns) predictions a row")
    requireLosses(targets.count, losses)
    targets.withUnsafeBufferPointer { targets in
      eachBlock { rows in
        let first = rows.lowerBound
        ck_squared_error(rows.count, base + first, targets.baseAddress! + first, losses.baseAddress! + first)
      }
    }
  }

  private func requireLosses(_ count: Int, _ losses: UnsafeMutableBufferPointer<Double>) {
    precondition(
      count == rows && losses.count == rows && isContiguous, "\(count) labels, \(losses.count) losses of \(rows) rows")
  }
}
