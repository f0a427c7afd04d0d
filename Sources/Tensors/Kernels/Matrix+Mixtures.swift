import CKernels

/// Which of several experts count, and how many numbers of a token's rank share a gate.
///
/// Tokens' gates lie in groups, one a block of `block` rank dimensions, and in a group one an expert.
public struct ExpertGates {
  public let expertCount: Int
  /// r of each expert.
  public let adapterRank: Int
  /// Rank dimensions that share a gate; divides r.
  public let block: Int
  /// Whether all experts read the same r numbers of a token.
  public let sharesInput: Bool

  public init(expertCount: Int, adapterRank: Int, block: Int, sharesInput: Bool) {
    (self.expertCount, self.adapterRank, self.block, self.sharesInput) = (expertCount, adapterRank, block, sharesInput)
  }

  /// Sets h to what each expert passes on: h[n, i r + j] = gates[n, j / block, i] z[n, i r + j], or z[n, j] where the
  /// experts share it. Shape: h (tokens, experts r), contiguous.
  public func mix(_ z: Matrix, _ gates: Matrix, into h: Matrix) {
    requireShapes(h, z, gates)
    h.eachBlock { rows in
      ck_mix_experts(
        rows.count, expertCount, adapterRank, block, z.start(of: rows), z.stride, step, gates.start(of: rows),
        gates.stride, h.start(of: rows))
    }
  }

  /// Sets the gradients of z and of the gates from that of h.
  public func mixBackward(_ dh: Matrix, _ z: Matrix, _ gates: Matrix, dz: Matrix, dGates: Matrix) {
    requireShapes(dh, z, gates)
    dz.requireShape(z)
    dGates.requireShape(gates)
    dh.eachBlock { rows in
      ck_mix_experts_backward(
        rows.count, expertCount, adapterRank, block, dh.start(of: rows), z.start(of: rows), z.stride, step,
        gates.start(of: rows), gates.stride, dz.start(of: rows), dz.stride, dGates.start(of: rows), dGates.stride)
    }
  }

  private var step: Int { sharesInput ? 0 : adapterRank }

  private func requireShapes(_ h: Matrix, _ z: Matrix, _ gates: Matrix) {
    let fits =
      h.columns == expertCount * adapterRank && h.isContiguous
      && z.columns == (sharesInput ? 1 : expertCount) * adapterRank
      && gates.columns == adapterRank / block * expertCount && z.rows == h.rows && gates.rows == h.rows
    precondition(fits, "\(z.shape) and gates \(gates.shape) into \(h.shape)")
  }
}

/// Experts' up-projections, one above the other, and side by side.
extension Matrix {
  /// Sets this matrix, (outputs, experts r), to the chosen experts' of `stack` side by side. Shape: stack
  /// (experts outputs, r) or as many numbers.
  public func setSideBySide(_ experts: [Int32], of stack: Matrix, adapterRank: Int) {
    precondition(columns == experts.count * adapterRank && isContiguous, "\(experts.count) experts in \(shape)")
    let stack = stack.elements.baseAddress!
    eachBlock { outputs in
      ck_pack_experts(
        experts.count, experts, outputs.count, adapterRank, stack + outputs.lowerBound * adapterRank,
        rows * adapterRank, start(of: outputs))
    }
  }

  /// Adds to the chosen experts' of this stack the parts of `packed`, (outputs, experts r).
  public func addSideBySide(_ experts: [Int32], _ packed: Matrix, adapterRank: Int) {
    precondition(
      packed.columns == experts.count * adapterRank && packed.isContiguous,
      "\(experts.count) experts in \(packed.shape)")
    let stack = elements.baseAddress!
    packed.eachBlock { outputs in
      ck_add_packed_experts(
        experts.count, experts, outputs.count, adapterRank, packed.start(of: outputs),
        stack + outputs.lowerBound * adapterRank, packed.rows * adapterRank)
    }
  }

  // MARK: Groups of neighbouring columns

  /// Each group of `width` columns becomes its softmax.
  ///
  /// - Parameter logSumExp: Receives that of each group, (rows, groups); nil: not kept.
  public func applyGroupSoftmax(width: Int, logSumExp: Matrix?) {
    let groups = columns / width, logSumExp = logSumExp?.elements.baseAddress
    eachBlock { rows in
      ck_softmax_groups(
        rows.count, groups, width, start(of: rows), stride, logSumExp.map { $0 + rows.lowerBound * groups })
    }
  }

  /// A gradient by the probabilities p of groups becomes that by what they are the softmax of.
  public func applyGroupSoftmaxGradient(width: Int, _ p: Matrix) {
    requireShape(p)
    eachBlock { rows in
      ck_softmax_groups_backward(
        rows.count, columns / width, width, p.start(of: rows), p.stride, start(of: rows), stride)
    }
  }

  /// self += a times p, each group of a row with its own factor. Shape: factors (rows, groups), contiguous.
  public func addGroups(width: Int, of p: Matrix, times a: Float, factors: Matrix) {
    requireShape(p)
    let groups = columns / width, factors = factors.elements.baseAddress!
    eachBlock { rows in
      ck_add_scaled_groups(
        rows.count, groups, width, a, factors + rows.lowerBound * groups, p.start(of: rows), p.stride,
        start(of: rows), stride)
    }
  }

  /// Adds up over rows which column of each group is the largest, the columns themselves and, if asked for, the groups'
  /// entropies in nats.
  public func countRouting(
    width: Int, chosen: inout [Double], sums: inout [Double], entropies: UnsafeMutableBufferPointer<Double>?
  ) {
    precondition(chosen.count == columns && sums.count == columns, "\(chosen.count) counts of \(columns) columns")
    chosen.withUnsafeMutableBufferPointer { chosen in
      sums.withUnsafeMutableBufferPointer { sums in
        Threads.rows(columns / width, width: rows * width) { groups in
          let first = groups.lowerBound, start = first * width
          ck_count_routing(
            rows, groups.count, width, base + start, stride, chosen.baseAddress! + start, sums.baseAddress! + start,
            entropies.map { $0.baseAddress! + first })
        }
      }
    }
  }

  // MARK: DoRA

  /// Sets a vector to 1 / ‖W_o + s B_o A‖ of every output o, from ‖W_o‖², A W, B and B A Aᵀ.
  ///
  /// Shapes: self (1, outputs), aw (r, outputs), b and baa (outputs, r).
  public func setInverseNorms(squares: [Float], aw: Matrix, b: Matrix, baa: Matrix, scale: Float) {
    requireVector(self, b.rows)
    baa.requireShape(b)
    precondition(squares.count == columns && aw.rows == b.columns && aw.columns == columns, "norms of \(shape)")
    let aw = aw.elements.baseAddress!, rank = b.columns
    precondition(b.isContiguous && baa.isContiguous, "norms of factors with gaps")
    squares.withUnsafeBufferPointer { squares in
      b.eachBlock { outputs in
        let first = outputs.lowerBound
        ck_inverse_norms(
          outputs.count, rank, scale, squares.baseAddress! + first, aw + first, columns, b.start(of: outputs),
          baa.start(of: outputs), base + first)
      }
    }
  }
}
