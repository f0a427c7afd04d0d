import Tensors

/// Residual parts one behind another, and the norm behind the last if there is one.
///
/// Behind the last attention only the rows that somebody reads go on, where the caller selects some.
final class Stack {
  let parts: [ResidualPart]
  /// By which attention tells positions (T5); nil: the rows know theirs.
  let bias: RelativePositionBias?
  private let finalNorm: (any Norm)?
  /// The last part that looks at other rows.
  private let lastAttention: Int
  private var activations: Activations?

  /// What the backward pass reads: the first part's input, and the last norm's.
  private struct Activations {
    let x: Matrix
    let last: (x: Matrix, statistics: NormStatistics)?
  }

  init(_ parts: [ResidualPart], finalNorm: (any Norm)?, bias: RelativePositionBias? = nil) {
    (self.parts, self.finalNorm, self.bias) = (parts, finalNorm, bias)
    lastAttention = parts.lastIndex { $0.inner is AttentionPart } ?? -1
    precondition(lastAttention >= 0 || parts.isEmpty, "a stack of parts none of which looks at other rows")
    // A part with a norm before it reads its input again in the backward pass: no part ahead may take it back.
    precondition(Set(parts.map(\.keepsOutput)).count <= 1, "norms stand before all parts of a stack, or behind all")
  }

  var linears: [Linear] { parts.flatMap(\.inner.linears) }

  /// Whether anything in the stack trains.
  var isTrained: Bool {
    finalNorm?.isTrained ?? false || bias?.table.isTrained ?? false || parts.contains { $0.isTrained }
  }

  /// The context of one part.
  private func context(_ place: Int, _ context: StackContext, _ selection: RowSelection?) -> StackContext {
    place < lastAttention
      ? context : place == lastAttention ? context.selecting(selection) : context.behind(selection)
  }

  /// The rows behind the last norm: all, or the selected ones. Shape: (rows, width).
  ///
  /// - Parameter x: Overwritten unless activations are kept.
  func forward(_ x: Matrix, _ context: StackContext, selection: RowSelection? = nil) -> Matrix {
    let memory = context.pass.saved, keeps = context.pass.keepsActivations, first = x
    var x = x
    // What no backward pass reads takes turns in two arrays.
    var isPassing = !keeps, spare: Matrix?
    for (place, part) in parts.enumerated() {
      let own = self.context(place, context, selection), isKept = keeps && part.keepsOutput
      let rowCount = own.outputPass.rows.count
      let y = (isKept ? nil : spare)?.rows(0..<rowCount) ?? memory.matrix(isKept ? rowCount : x.rows, x.columns)
      part.forward(x, into: y.rows(0..<rowCount), own)
      if isPassing { spare = x } else if !isKept { spare = nil }
      (x, isPassing) = (y.rows(0..<rowCount), !isKept)
    }
    guard let finalNorm else {
      if keeps { activations = Activations(x: first, last: nil) }
      return x
    }
    let hidden = memory.matrix(x.rows, x.columns)
    let statistics = finalNorm.forward(x, into: hidden, self.context(parts.count, context, selection).pass)
    if keeps { activations = Activations(x: first, last: (x, statistics)) }
    return hidden
  }

  /// Adds parameter gradients.
  ///
  /// - Parameters:
  ///   - dHidden: Gradient of ``forward(_:_:selection:)``'s result.
  ///   - needsInputGradient: Whether the gradient of x is asked for.
  /// - Returns: The gradient of x, in scratch memory; nil if not needed.
  func backward(
    _ dHidden: Matrix, _ context: StackContext, selection: RowSelection? = nil, needsInputGradient: Bool
  ) -> Matrix? {
    guard let saved = activations else { preconditionFailure("backward without a forward that keeps activations") }
    activations = nil
    let pass = context.pass
    // hidden = norm(x)
    var d = pass.scratch.matrix(dHidden.rows, dHidden.columns)
    if let finalNorm, let last = saved.last {
      d.fill(0)
      finalNorm.backward(dHidden, x: last.x, last.statistics, addingTo: d)
    } else {
      d.copy(from: dHidden)
    }
    let lowest =
      needsInputGradient ? 0 : parts.firstIndex { $0.isTrained || $0.inner.passesGradient(context) } ?? parts.count
    for place in parts.indices.reversed() where place >= lowest {
      let own = self.context(place, context, selection)
      func input() -> Matrix { place == 0 ? saved.x : parts[place - 1].output(own.pass) }
      let dx = parts[place].backward(
        d, input: input, needsInputGradient: needsInputGradient || place > lowest, own)
      if let dx { d = dx }
    }
    if let bias, let dBias = context.dBias { bias.addGradient(dBias) }
    return needsInputGradient ? d : nil
  }

  // MARK: Counting

  /// The row counts of each part for one sequence.
  ///
  /// - Parameters:
  ///   - rows: The stack's own; of them `selected` go on behind the last attention.
  ///   - sources: Rows of the other stream.
  private func counts(rows: Int, selected: Int, sources: Int) -> [(part: ResidualPart, counts: RowCounts)] {
    parts.enumerated().map { place, part in
      (
        part,
        RowCounts(
          input: place > lastAttention ? selected : rows, output: place >= lastAttention ? selected : rows,
          source: sources)
      )
    }
  }

  /// Multiply-adds of the frozen maps and of attention for one sequence, forward and backward.
  ///
  /// Frozen maps: forward and input gradient, but no input gradient at the maps that read the embedding, below which
  /// nothing trains. Attention: the seen part of scores and mixing, forward and twice that backward; the scores that
  /// backward computes again are not counted.
  func trainingMultiplyAdds(rows: Int, selected: Int, sources: Int = 0) -> Double {
    counts(rows: rows, selected: selected, sources: sources).enumerated().reduce(0) { total, item in
      let (place, (part, counts)) = item
      let output = part.inner.linears.last
      let maps = part.inner.linears.reduce(0.0) { total, linear in
        let passes = place == 0 && linear !== output ? 1.0 : 2.0
        return total + Double(linear.weight.count) * Double(part.inner.rowCount(of: linear, counts)) * passes
      }
      return total + maps + 6 * part.inner.scoreOperations(counts)
    }
  }

  /// How many rows a map sees of one sequence; nil: it is not in this stack.
  func rowCount(of linear: Linear, rows: Int, selected: Int, sources: Int = 0) -> Int? {
    counts(rows: rows, selected: selected, sources: sources).first { part, _ in
      part.inner.linears.contains { $0 === linear }
    }.map { part, counts in part.inner.rowCount(of: linear, counts) }
  }
}
