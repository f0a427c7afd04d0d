import Tensors

/// What a residual part adds to its input: attention, or a feed-forward.
protocol Sublayer: AnyObject {
  /// Its maps, in the order of the computation.
  var linears: [Linear] { get }

  /// Whether anything in it trains.
  var isTrained: Bool { get }

  /// Whether a gradient is asked for that passes through it beside its input's.
  func passesGradient(_ context: StackContext) -> Bool

  /// Sets y from x, or, without y, computes only what the backward pass needs. Shapes: x (rows, width), y (rows or, with
  /// a selection, its rows, width).
  func forward(_ x: Matrix, into y: Matrix?, _ context: StackContext)

  /// Adds parameter gradients.
  ///
  /// - Parameters:
  ///   - dy: Gradient of y.
  ///   - input: Gives the forward pass's x; called only if a map needs it.
  ///   - dx: Receives the gradient of x; nil when nothing before is trained.
  func backward(_ dy: Matrix, input: () -> Matrix, into dx: Matrix?, _ context: StackContext)

  /// How many rows one of its maps sees of a sequence.
  func rowCount(of linear: Linear, _ counts: RowCounts) -> Int

  /// Multiply-adds of a sequence's attention scores; 0 where there are none.
  func scoreOperations(_ counts: RowCounts) -> Double

  /// What it keeps and takes for a while, its input and output left out.
  func memory(_ counts: MemoryCounts) -> PassMemory

  /// What it computes of one sequence; adapters are left out.
  func work(_ counts: RowCounts) -> PassWork
}

extension Sublayer {
  var isTrained: Bool { linears.contains { $0.isTrained } }

  func passesGradient(_ context: StackContext) -> Bool { false }

  func rowCount(of linear: Linear, _ counts: RowCounts) -> Int { counts.output }

  func scoreOperations(_ counts: RowCounts) -> Double { 0 }
}

/// One residual part of a stack.
///
///     y = behind(x + after(f(before(x))))
///
/// There is either a norm before the part or one behind the sum; Gemma 2 also has one after f.
final class ResidualPart {
  let inner: any Sublayer
  private let before, after, behind: (any Norm)?
  private var activations: Activations?

  /// A norm's input, and what else its backward pass reads.
  private typealias Normed = (x: Matrix, statistics: NormStatistics)

  /// What the backward pass of each norm reads.
  private struct Activations {
    let before, after, behind: Normed?
  }

  init(before: (any Norm)? = nil, _ inner: any Sublayer, after: (any Norm)? = nil, behind: (any Norm)? = nil) {
    precondition((before == nil) != (behind == nil), "a residual part has a norm before it or behind it")
    (self.inner, self.before, self.after, self.behind) = (inner, before, after, behind)
  }

  var isTrained: Bool { inner.isTrained || [before, after, behind].contains { $0?.isTrained ?? false } }

  /// Whether the backward pass reads y; if not, ``output(_:)`` gives it again.
  var keepsOutput: Bool { behind == nil }

  // MARK: Forward

  /// Sets y from x, or, without y, computes again what the backward pass needs. Shapes: x (rows, width), y (rows or, with
  /// a selection, its rows, width).
  ///
  /// - Parameter keepsSum: Whether what ``output(_:)`` reads is kept even where activations are not; without y it then
  ///   is there already.
  func forward(_ x: Matrix, into y: Matrix?, keepsSum: Bool = false, _ context: StackContext) {
    let pass = context.pass, outputPass = context.outputPass, mark = pass.scratch.mark()
    let endPass = keepsSum ? outputPass.keeping(true) : outputPass
    func rows(_ pass: Pass) -> Matrix { pass.kept(pass.rows.count, x.columns) }
    let normed = before.map { norm in
      let normed = pass.scratch.matrix(x.rows, x.columns)
      return (normed, norm.forward(x, into: normed, pass))
    }
    let sum = y.map { behind == nil ? $0 : rows(endPass) }
    let added = after == nil ? sum : rows(outputPass)
    inner.forward(normed?.0 ?? x, into: added, context)
    let afterState = forward(after, added, into: sum, outputPass)
    sum?.add(residual(x, context))
    let behindState = y == nil ? activations?.behind : forward(behind, sum, into: y, endPass)
    if pass.keepsActivations {
      activations = Activations(before: normed.map { (x, $0.1) }, after: afterState, behind: behindState)
    } else if keepsSum {
      activations = Activations(before: nil, after: nil, behind: behindState)
    }
    pass.scratch.release(to: mark)
  }

  /// Sets y, if it is asked for, to the normalised x; nil without a norm.
  private func forward(_ norm: (any Norm)?, _ x: Matrix?, into y: Matrix?, _ pass: Pass) -> Normed? {
    guard let norm, let x else { return nil }
    return (x, norm.forward(x, into: y ?? pass.scratch.matrix(x.rows, x.columns), pass))
  }

  /// The rows of x that go on.
  private func residual(_ x: Matrix, _ context: StackContext) -> Matrix {
    guard let selection = context.selection else { return x }
    let rows = context.pass.scratch.matrix(selection.pass.rows.count, x.columns)
    selection.gather(x, into: rows)
    return rows
  }

  /// The forward pass's y again, while its activations are kept.
  func output(_ pass: Pass) -> Matrix {
    guard let behind, let saved = activations?.behind else { preconditionFailure("an output that was not kept") }
    return again(behind, saved, pass)
  }

  private func again(_ norm: any Norm, _ normed: Normed, _ pass: Pass) -> Matrix {
    let y = pass.scratch.matrix(normed.x.rows, normed.x.columns)
    norm.again(normed.x, normed.statistics, into: y)
    return y
  }

  // MARK: Counting

  /// What it keeps and takes for a while, its input and output left out. The gradient of its input, where fewer rows go
  /// on, outlives it and is left out too.
  func memory(_ counts: MemoryCounts) -> PassMemory {
    let width = inner.linears.last?.outputs ?? 0, input = counts.rows.input * width, output = counts.rows.output * width
    var memory = inner.memory(counts)
    func add(_ norm: (any Norm)?, rows: Int) { memory.kept += (norm?.statisticCount ?? 0) * rows }
    add(before, rows: counts.rows.input)
    add(after, rows: counts.rows.output)
    add(behind, rows: counts.rows.output)
    if after != nil { memory.kept += output }
    if behind != nil { memory.kept += output }
    memory.forward += (before == nil ? 0 : input) + (counts.isSelecting ? output : 0)
    memory.backward += (behind == nil ? 0 : output) + (after == nil ? 0 : output)
    // The input's gradient before the norm, and the norm's output once more.
    if before != nil { memory.backward += input + (inner.linears.contains { $0.needsInput } ? input : 0) }
    return memory
  }

  /// What it computes of one sequence.
  func work(_ counts: RowCounts) -> PassWork {
    let width = Double(inner.linears.last?.outputs ?? 0)
    var work = inner.work(counts)
    let norms = Double([before, after, behind].count { $0 != nil })
    // The sum reads two and writes one; a norm reads and writes, forward and again, and backward reads three.
    work.elements += width * Double(counts.output) * (5 + 7 * norms)
    return work
  }

  // MARK: Backward

  /// Adds parameter gradients and gives the gradient of x.
  ///
  /// - Parameters:
  ///   - d: Gradient of y; overwritten.
  ///   - input: Gives the forward pass's x where no norm keeps it.
  ///   - needsInputGradient: Whether something before this part is trained.
  /// - Returns: The gradient of x, in d or (with a selection) in fresh scratch memory; nil if not needed.
  func backward(
    _ d: Matrix, input: () -> Matrix, needsInputGradient: Bool, _ context: StackContext
  ) -> Matrix? {
    guard let saved = activations else { preconditionFailure("backward without a forward that keeps activations") }
    activations = nil
    let pass = context.pass
    let dx = context.selection == nil ? d : pass.scratch.matrix(pass.rows.count, d.columns)
    let mark = pass.scratch.mark()
    defer { pass.scratch.release(to: mark) }
    // y = behind(sum)
    let dSum = backward(through: behind, saved.behind, d, pass)
    // sum = x + after(f(before(x)))
    let dAdded = backward(through: after, saved.after, dSum, pass)
    guard let before, let normed = saved.before else {
      inner.backward(dAdded, input: input, into: needsInputGradient ? dx : nil, context)
      guard needsInputGradient else { return nil }
      dx.add(scattered(dSum, context))
      return dx
    }
    let needsNormGradient = needsInputGradient || before.isTrained
    let dNormed = needsNormGradient ? pass.scratch.matrix(dx.rows, dx.columns) : nil
    inner.backward(dAdded, input: { again(before, normed, pass) }, into: dNormed, context)
    guard let dNormed else { return nil }
    context.selection?.scatter(dSum, into: dx)
    before.backward(dNormed, x: normed.x, normed.statistics, addingTo: dx)
    return dx
  }

  /// The gradient of a norm's input; dy itself without a norm.
  private func backward(through norm: (any Norm)?, _ normed: Normed?, _ dy: Matrix, _ pass: Pass) -> Matrix {
    guard let norm, let normed else { return dy }
    let dx = pass.scratch.matrix(dy.rows, dy.columns)
    dx.fill(0)
    norm.backward(dy, x: normed.x, normed.statistics, addingTo: dx)
    return dx
  }

  /// The gradient on all rows, zero where a selection left rows out.
  private func scattered(_ d: Matrix, _ context: StackContext) -> Matrix {
    guard let selection = context.selection else { return d }
    let full = context.pass.scratch.matrix(context.pass.rows.count, d.columns)
    selection.scatter(d, into: full)
    return full
  }
}
