import Tensors

/// The parts of an encoder or a decoder, one after another, and the norm behind them.
struct T5Stack {
  let parts: [any T5Part]
  let bias: RelativePositionBias
  let finalNorm: RMSNorm

  var linears: [Linear] { parts.flatMap(\.linears) }

  /// Whether anything in the stack trains.
  var isTrained: Bool { finalNorm.isTrained || bias.table.isTrained || parts.contains { $0.isTrained } }

  /// The rows behind the last part, before the norm; x is overwritten unless activations are kept.
  func forward(_ x: Matrix, _ context: T5Context) -> Matrix {
    let memory = context.pass.saved
    var x = x, spare = context.pass.keepsActivations ? nil : memory.matrix(x.rows, x.columns)
    for part in parts {
      let y = spare ?? memory.matrix(x.rows, x.columns)
      part.forward(x, into: y, context)
      if spare != nil { spare = x }
      x = y
    }
    return x
  }

  /// Turns d, the gradient of ``forward(_:_:)``'s result, into that of its x.
  ///
  /// - Parameter needsInputGradient: Whether the gradient of x is asked for.
  func backward(_ d: Matrix, needsInputGradient: Bool, _ context: T5Context) {
    let lowest =
      needsInputGradient ? 0 : parts.firstIndex { $0.isTrained || $0.passesGradient(context) } ?? parts.count
    for place in parts.indices.reversed() where place >= lowest {
      parts[place].backward(d, needsInputGradient: needsInputGradient || place > lowest, context)
    }
    if let dBias = context.dBias { bias.addGradient(dBias) }
  }
}
