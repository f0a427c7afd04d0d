import Tensors

/// Layers of residual parts one behind another, and the norm behind the last if there is one.
///
/// A checkpointed pass (``Pass/isCheckpointed``) keeps the layers' inputs; its backward pass computes one layer after
/// the other again, from the last but one, which is as exact as it was the first time. The last layer keeps its
/// activations: it would be computed again at once.
///
/// Behind the last attention only the rows that somebody reads go on, where the caller selects some.
final class Stack {
  let parts: [ResidualPart]
  /// The places of each layer's parts.
  private let layers: [Range<Int>]
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
    /// The layers' inputs, and where the memory stood before the last layer; nil: every activation was kept.
    let checkpoints: (inputs: [Matrix], mark: Workspace.Mark)?
  }

  init(_ layers: [[ResidualPart]], finalNorm: (any Norm)?, bias: RelativePositionBias? = nil) {
    let parts = Array(layers.joined()), ends = layers.reduce(into: [0]) { $0.append($0.last! + $1.count) }
    (self.parts, self.finalNorm, self.bias) = (parts, finalNorm, bias)
    self.layers = zip(ends, ends.dropFirst()).map { $0..<$1 }
    lastAttention = parts.lastIndex { $0.inner is AttentionPart } ?? -1
    precondition(
      parts.isEmpty || layers.last!.contains { $0.inner is AttentionPart }, "a last layer that looks at no other rows")
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

  // MARK: Forward

  /// The rows behind the last norm: all, or the selected ones. Shape: (rows, width).
  ///
  /// - Parameter x: Overwritten unless activations are kept.
  func forward(_ x: Matrix, _ context: StackContext, selection: RowSelection? = nil) -> Matrix {
    let memory = context.pass.saved, keeps = context.pass.keepsActivations, first = x
    let isCheckpointed = context.pass.isCheckpointed, passing = context.keeping(false)
    var x = x, inputs: [Matrix] = [], mark = memory.mark()
    // What no backward pass reads takes turns in two arrays.
    var isPassing = !keeps, spare: Matrix?
    for layer in layers {
      let isRepeated = isCheckpointed && layer != layers.last
      inputs.append(x)
      if !isRepeated, isCheckpointed { mark = memory.mark() }
      for place in layer {
        let part = parts[place], isLast = place == layer.upperBound - 1
        let own = self.context(place, isRepeated ? passing : context, selection), rowCount = own.outputPass.rows.count
        let isKept = keeps && part.keepsOutput && (isLast || !isRepeated)
        // Rows that several examples read are selected several times, and may be more behind than before.
        let room = isKept || spare.map { $0.rows < rowCount } ?? true ? nil : spare
        let y = room ?? memory.matrix(isKept ? rowCount : max(x.rows, rowCount), x.columns)
        part.forward(x, into: y.rows(0..<rowCount), keepsSum: isRepeated && isLast && !part.keepsOutput, own)
        if isPassing { spare = x } else if !isKept { spare = nil }
        (x, isPassing) = (y.rows(0..<rowCount), !isKept)
      }
    }
    let last = normalize(x, self.context(parts.count, context, selection).pass)
    if keeps {
      activations = Activations(
        x: first, last: last.map { (x, $0.statistics) }, checkpoints: isCheckpointed ? (inputs, mark) : nil)
    }
    return last?.hidden ?? x
  }

  /// Behind the last norm; nil: there is none.
  private func normalize(_ x: Matrix, _ pass: Pass) -> (hidden: Matrix, statistics: NormStatistics)? {
    guard let finalNorm else { return nil }
    let hidden = pass.saved.matrix(x.rows, x.columns)
    return (hidden, finalNorm.forward(x, into: hidden, pass))
  }

  /// Computes a layer again, but for its result, and keeps what its backward pass reads.
  private func repeatForward(_ layer: Range<Int>, _ input: () -> Matrix, _ context: StackContext) {
    let pass = context.pass, mark = pass.scratch.mark()
    var x = input()
    for place in layer {
      let part = parts[place], memory = part.keepsOutput ? pass.saved : pass.scratch
      let y = place == layer.upperBound - 1 ? nil : memory.matrix(x.rows, x.columns)
      part.forward(x, into: y, context)
      x = y ?? x
    }
    pass.scratch.release(to: mark)
  }

  // MARK: Backward

  /// Adds parameter gradients. Of a checkpointed pass, gives back what was taken of ``Pass/saved`` since the last layer's
  /// forward pass.
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
    func input(_ place: Int) -> Matrix { place == 0 ? saved.x : parts[place - 1].output(pass) }
    for (number, layer) in layers.enumerated().reversed() where layer.upperBound > lowest {
      if let (inputs, mark) = saved.checkpoints, layer != layers.last {
        pass.saved.release(to: mark)
        let isKept = parts[layer.upperBound - 1].keepsOutput
        repeatForward(layer, { isKept ? inputs[number] : input(layer.lowerBound) }, context.keeping(true, again: true))
      }
      for place in layer.reversed() where place >= lowest {
        let dx = parts[place].backward(
          d, input: { input(place) }, needsInputGradient: needsInputGradient || place > lowest,
          self.context(place, context, selection))
        if let dx { d = dx }
        pass.completed?(parts[place].inner.linears)
      }
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

  /// What the stack computes of one sequence, forward and backward.
  func work(rows: Int, selected: Int, sources: Int = 0) -> PassWork {
    counts(rows: rows, selected: selected, sources: sources).enumerated().reduce(into: PassWork()) { total, item in
      let (place, (part, counts)) = item, output = part.inner.linears.last
      total += part.work(counts)
      for linear in part.inner.linears {
        let passes = (place == 0 && linear !== output ? 1.0 : 2.0) + (linear.weight.isTrained ? 1 : 0)
        total.linear += 2 * passes * Double(linear.weight.count) * Double(part.inner.rowCount(of: linear, counts))
      }
    }
  }

  /// What a pass over a part's rows takes: the stack's input is left out.
  ///
  /// - Parameters:
  ///   - longest, longestSource: Keys that the longest segment sees of either stream.
  ///   - isCheckpointed: Whether the layers' inputs alone are kept.
  func memory(
    rows: Int, selected: Int, sources: Int = 0, longest: Int, longestSource: Int = 0, threads: Int,
    isCheckpointed: Bool
  ) -> PassMemory {
    let width = parts.first?.inner.linears.last?.outputs ?? 0
    let all = counts(rows: rows, selected: selected, sources: sources).map { part, counts in
      let own = MemoryCounts(rows: counts, longest: longest, longestSource: longestSource, threads: threads)
      return (memory: part.memory(own), output: counts.output * width, keepsOutput: part.keepsOutput)
    }
    let last = layers.last ?? 0..<0
    var result = PassMemory(kept: finalNorm.map { selected * (width + $0.statisticCount) } ?? 0)
    var repeated = 0
    for layer in layers {
      let own = all[layer].reduce(0) { $0 + $1.memory.kept + ($1.keepsOutput ? $1.output : 0) }
      let isRepeated = isCheckpointed && layer != last
      if isRepeated {
        // Its result, or the sum that gives it again; the rest is there while its backward pass runs.
        result.kept += all[layer.upperBound - 1].output
        repeated = max(repeated, own)
      } else {
        result.kept += own
      }
      for part in all[layer] {
        // What a layer that is computed again does not keep, it still takes for a while.
        let forward = part.memory.forward + (isRepeated ? part.memory.kept : 0)
        result.forward = max(result.forward, forward)
      }
    }
    if all.contains(where: { !$0.keepsOutput }) || isCheckpointed { result.kept += 2 * rows * width }
    if isCheckpointed {
      let lastKept = all[last].reduce(0) { $0 + $1.memory.kept + ($1.keepsOutput ? $1.output : 0) }
      result.kept += max(0, repeated - lastKept)
    }
    // The gradient of the last rows, and that of all rows below the last attention where fewer go on.
    let gradients = selected * width + (rows == selected ? 0 : rows * width)
    result.backward = gradients + (all.map(\.memory.backward).max() ?? 0)
    return result
  }

  /// How many rows a map sees of one sequence; nil: it is not in this stack.
  func rowCount(of linear: Linear, rows: Int, selected: Int, sources: Int = 0) -> Int? {
    counts(rows: rows, selected: selected, sources: sources).first { part, _ in
      part.inner.linears.contains { $0 === linear }
    }.map { part, counts in part.inner.rowCount(of: linear, counts) }
  }
}
