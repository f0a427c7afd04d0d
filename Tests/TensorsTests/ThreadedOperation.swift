import Tensors

/// Random operands of one size, and what an operation made of them.
final class Operands {
  let rows, columns: Int
  private let memory = Workspace(minimumChunk: 1 << 10)
  private var seed: UInt64 = 0
  /// The bits of all results.
  private(set) var results: [UInt64] = []

  init(rows: Int, columns: Int) { (self.rows, self.columns) = (rows, columns) }

  /// Fresh random numbers; some of the columns of a wider matrix where it is strided.
  func matrix(_ rows: Int? = nil, _ columns: Int? = nil, isStrided: Bool = false) -> Matrix {
    let rows = rows ?? self.rows, columns = columns ?? self.columns
    let whole = memory.matrix(rows, columns + (isStrided ? 5 : 0))
    seed += 1
    RandomKey(seed: seed).fillNormal(whole.elements, standardDeviation: 1)
    return whole.columns(0..<columns)
  }

  /// A number a column, or of another count.
  func vector(_ count: Int? = nil) -> Matrix { matrix(1, count ?? columns) }

  /// Numbers of 0 ..< limit.
  func indices(_ count: Int, below limit: Int) -> [Int32] { (0..<count).map { Int32(($0 * 7 + $0 / 3) % limit) } }

  func keep(_ matrices: Matrix...) {
    for matrix in matrices { results += matrix.array().map { UInt64($0.bitPattern) } }
  }

  func keep(_ numbers: [Double]) { results += numbers.map(\.bitPattern) }
}

/// An operation on matrices, named.
struct ThreadedOperation: Sendable, CustomStringConvertible {
  let description: String
  let run: @Sendable (Operands) -> Void

  init(_ description: String, _ run: @escaping @Sendable (Operands) -> Void) {
    (self.description, self.run) = (description, run)
  }

  static let all = flat + byRow + byColumn + attention + mixtures + norms + losses

  // MARK: Number by number

  private static let flat =
    activations + [
      ThreadedOperation("tanh") { it in
        let y = it.matrix(), dy = it.matrix()
        y.applyTanh()
        dy.multiplyByTanhSlope(at: y)
        it.keep(y, dy)
      },
      ThreadedOperation("soft cap") { it in
        let y = it.matrix(), dy = it.matrix()
        y.applySoftCap(1.5, scale: 0.7)
        dy.multiplyBySoftCapSlope(1.5, at: y)
        it.keep(y, dy)
      },
      ThreadedOperation("sums and factors") { it in
        let x = it.matrix(), y = it.matrix()
        y.add(x)
        y.add(x, times: 0.3)
        y.scale(by: 1.7)
        it.keep(y)
      },
      ThreadedOperation("memory") { it in
        let x = it.matrix(), y = it.matrix(), z = it.matrix(), zero = it.matrix()
        y.base.copy(x.base, count: x.count)
        z.base.add(x.base, count: x.count)
        zero.base.setZero(count: x.count)
        it.keep(y, z, zero)
      },
      ThreadedOperation("dropout") { it in
        let x = it.matrix(), y = it.matrix()
        RandomKey(seed: 3).dropout(x.base, into: y.base, count: x.count, rate: 0.3)
        it.keep(y)
      },
      ThreadedOperation("sum of squares") { it in it.keep([it.matrix().elements.sumOfSquares]) },
      ThreadedOperation("AdamW") { it in
        let values = it.matrix(), gradients = it.matrix(), first = it.matrix(), second = it.matrix()
        for index in second.elements.indices { second.base[index] *= second.base[index] }
        AdamWStep(
          learningRate: 0.01, weightDecay: 0.1, epsilon: 1e-8, beta2: 0.999, firstWeight: 0.1, secondWeight: 0.001,
          correction1: 0.3, correction2: 0.01, gradientScale: 0.2
        ).update(values.elements, gradients: gradients.elements, first: first.elements, second: second.elements)
        it.keep(values, first, second)
      },
    ]

  private static let activations =
    [PlainActivation.geluTanh, .gelu, .relu].map { activation in
      ThreadedOperation("\(activation)") { it in
        let x = it.matrix(), y = it.matrix(), dy = it.matrix()
        activation.forward(x, into: y)
        activation.backward(x, dy)
        it.keep(y, dy)
      }
    }
    + [GateActivation.silu, .geluTanh].map { activation in
      ThreadedOperation("gated \(activation)") { it in
        let gate = it.matrix(), up = it.matrix(), y = it.matrix(), dy = it.matrix(), dGate = it.matrix()
        activation.forward(gate: gate, up: up, into: y)
        activation.backward(gate: gate, up: up, dy, dGate: dGate)
        it.keep(y, dy, dGate)
      }
    }

  // MARK: Row by row, and sums over rows

  private static let byRow = [
    ThreadedOperation("rows set, added to, filled and copied") { it in
      let row = it.vector(), numbers = row.array()
      let a = it.matrix(isStrided: true), b = it.matrix(isStrided: true), c = it.matrix(isStrided: true)
      let d = it.matrix(isStrided: true), e = it.matrix(isStrided: true)
      a.setRows(to: row)
      b.setRows(to: numbers)
      c.addToRows(numbers)
      d.fill(3)
      e.copy(from: c)
      it.keep(a, b, c, d, e)
    },
    ThreadedOperation("columns scaled") { it in
      let x = it.matrix(isStrided: true), y = it.matrix(isStrided: true), z = it.matrix(), factors = it.vector()
      y.setColumns(of: x, scaledBy: factors)
      z.addColumns(of: x, scaledBy: factors)
      x.scaleColumns(by: factors)
      it.keep(x, y, z)
    },
    ThreadedOperation("rows gathered") { it in
      let y = it.matrix()
      y.setRows(of: it.matrix(isStrided: true), at: it.indices(it.rows, below: it.rows))
      it.keep(y)
    },
    ThreadedOperation("rotary positions") { it in
      let width = it.columns / 4 * 2, x = it.matrix(it.rows, 2 * width, isStrided: true)
      let positions = it.indices(it.rows, below: 40), cosines = it.matrix(40, width / 2),
        sines = it.matrix(40, width / 2)
      for isBack in [false, true] {
        x.rotatePairs(headWidth: width, positions: positions, cosines: cosines, sines: sines, isBack: isBack)
        it.keep(x)
      }
    },
  ]

  private static let byColumn = [
    ThreadedOperation("column sums") { it in
      let x = it.matrix(isStrided: true), y = it.matrix(), sums = it.vector(), products = it.vector()
      x.addColumnSums(to: sums)
      x.addColumnProducts(y, to: products)
      it.keep(sums, products)
      it.keep(x.columnSums().map(Double.init))
    },
    ThreadedOperation("rows scattered") { it in
      let table = it.matrix(7, it.columns)
      table.addRows(it.matrix(isStrided: true), at: it.indices(it.rows, below: 7))
      it.keep(table)
    },
  ]

  // MARK: Attention

  private static let attention =
    [nil, 40].map { window in
      ThreadedOperation("softmax, window \(window ?? 0)") { it in
        let keys = it.rows + it.columns, logSumExp = it.vector(it.rows), delta = it.vector(it.rows)
        let scores = it.matrix(it.rows, keys, isStrided: true), again = it.matrix(it.rows, keys, isStrided: true)
        let dp = it.matrix(it.rows, keys, isStrided: true)
        again.copy(from: scores)
        let mask = ScoreMask(first: it.columns, visible: window == nil ? 9 : 0, window: window)
        scores.applySoftmax(mask, scale: 0.3, logSumExp: logSumExp)
        again.applySoftmax(again: mask, scale: 0.3, logSumExp: logSumExp)
        delta.setRowProducts(dp, scores)
        dp.applySoftmaxGradient(scores, scale: 0.3, delta: delta)
        it.keep(scores, logSumExp, again, delta, dp)
      }
    } + [
      ThreadedOperation("distances added") { it in
        let scores = it.matrix(isStrided: true)
        scores.addDistances(DistanceRow(it.vector(it.rows + it.columns), origin: it.rows))
        it.keep(scores)
      }
    ]

  // MARK: Mixtures

  private static let mixtures =
    [false, true].map { sharesInput in
      ThreadedOperation(sharesInput ? "experts that share their input mixed" : "experts mixed") { it in
        let rank = 4, experts = max(1, it.columns / 12), tokens = it.rows * 3
        let gates = ExpertGates(expertCount: experts, adapterRank: rank, block: 2, sharesInput: sharesInput)
        let z = it.matrix(tokens, (sharesInput ? 1 : experts) * rank, isStrided: true),
          h = it.matrix(tokens, experts * rank)
        let g = it.matrix(tokens, 2 * experts, isStrided: true), dh = it.matrix(tokens, experts * rank)
        let dz = it.matrix(tokens, z.columns, isStrided: true), dg = it.matrix(tokens, g.columns, isStrided: true)
        gates.mix(z, g, into: h)
        gates.mixBackward(dh, z, g, dz: dz, dGates: dg)
        it.keep(h, dz, dg)
      }
    } + [
      ThreadedOperation("experts side by side") { it in
        let rank = it.columns, stack = it.matrix(4 * it.rows, rank), packed = it.matrix(it.rows, 3 * rank)
        packed.setSideBySide([0, 2, 3], of: stack, adapterRank: rank)
        stack.addSideBySide([3, 1, 0], packed, adapterRank: rank)
        it.keep(packed, stack)
      },
      ThreadedOperation("groups of columns") { it in
        let width = 3, groups = max(1, it.columns / width), p = it.matrix(it.rows, groups * width, isStrided: true)
        let logSumExp = it.matrix(it.rows, groups), d = it.matrix(it.rows, groups * width, isStrided: true)
        p.applyGroupSoftmax(width: width, logSumExp: logSumExp)
        d.applyGroupSoftmaxGradient(width: width, p)
        d.addGroups(width: width, of: p, times: 0.4, factors: logSumExp)
        var chosen = [Double](repeating: 0, count: p.columns), sums = chosen
        var entropies = [Double](repeating: 0, count: groups)
        entropies.withUnsafeMutableBufferPointer {
          p.countRouting(width: width, chosen: &chosen, sums: &sums, entropies: $0)
        }
        it.keep(p, logSumExp, d)
        it.keep(chosen + sums + entropies)
      },
      ThreadedOperation("inverse norms") { it in
        let outputs = it.rows * it.columns / 4, norms = it.vector(outputs)
        norms.setInverseNorms(
          squares: Array(repeating: 900, count: outputs), aw: it.matrix(4, outputs), b: it.matrix(outputs, 4),
          baa: it.matrix(outputs, 4), scale: 0.5)
        it.keep(norms)
      },
    ]

  // MARK: Norms

  private static let norms = [
    ThreadedOperation("layer norm") { it in
      let x = it.matrix(), y = it.matrix(), again = it.matrix(), dy = it.matrix(), dx = it.matrix()
      let gamma = it.vector(), beta = it.vector(), mean = it.vector(it.rows), rstd = it.vector(it.rows)
      let dGamma = it.vector(), dBeta = it.vector()
      y.setLayerNorm(of: x, gamma: gamma, beta: beta, epsilon: 1e-5, mean: mean, rstd: rstd)
      again.setLayerNorm(of: x, gamma: gamma, beta: beta, mean: mean, rstd: rstd)
      dx.addLayerNormGradient(dy, x: x, gamma: gamma, mean: mean, rstd: rstd)
      dy.addLayerNormGradients(x: x, mean: mean, rstd: rstd, gamma: dGamma, beta: dBeta)
      it.keep(y, again, mean, rstd, dx, dGamma, dBeta)
    },
    ThreadedOperation("root-mean-square norm") { it in
      let x = it.matrix(), y = it.matrix(), again = it.matrix(), dy = it.matrix(), dx = it.matrix()
      let weight = it.vector(), rstd = it.vector(it.rows), dWeight = it.vector()
      y.setRMSNorm(of: x, weight: weight, offset: 1, epsilon: 1e-6, rstd: rstd)
      again.setRMSNorm(of: x, weight: weight, offset: 1, rstd: rstd)
      dx.addRMSNormGradient(dy, x: x, weight: weight, offset: 1, rstd: rstd)
      dy.addRMSNormGradient(x: x, rstd: rstd, weight: dWeight)
      it.keep(y, again, rstd, dx, dWeight)
    },
  ]

  // MARK: Losses

  private static let losses =
    [nil, 2.5].map { softCap in
      ThreadedOperation("cross-entropy, soft cap \(softCap ?? 0)") { it in
        let logits = it.matrix(), classes = it.indices(it.rows, below: it.columns)
        var losses = [Double](repeating: 0, count: it.rows)
        losses.withUnsafeMutableBufferPointer { logits.crossEntropies(classes[...], into: $0) }
        it.keep(losses)
        losses.withUnsafeMutableBufferPointer {
          logits.applyCrossEntropyGradient(classes[...], softCap: softCap.map { Float($0) }, losses: $0)
        }
        it.keep(logits)
        it.keep(losses)
      }
    } + [
      ThreadedOperation("squared error") { it in
        let predictions = it.matrix(it.rows * it.columns, 1), targets = it.vector(predictions.rows).array()
        var losses = [Double](repeating: 0, count: predictions.rows)
        losses.withUnsafeMutableBufferPointer { predictions.applySquaredErrorGradient(targets[...], losses: $0) }
        it.keep(predictions)
        it.keep(losses)
      }
    ]
}
