import Tensors

/// The output projection of a language model, run on the rows that need it, a few at a time.
///
///     logits = cap(h Eᵀ + b)        cap(l) = c tanh(l / c), or l
///
/// E, (vocabulary, width), is often the token embedding itself.
public struct LanguageModelHead: OutputHead {
  public let weight: Parameter
  /// b (BERT); nil: none.
  public let bias: Parameter?
  /// c, the bound of logits (Gemma 2); nil: none.
  public let softCap: Float?

  /// Rows projected at a time: bounds the logits' memory to this many vocabularies.
  static let chunkRows = 128

  public init(weight: Parameter, bias: Parameter? = nil, softCap: Float? = nil) {
    (self.weight, self.bias, self.softCap) = (weight, bias, softCap)
  }

  public var outputCount: Int { weight.shape[0] }

  /// Numbers of the logits that are there at a time.
  func bufferCount(rows: Int) -> Int { min(Self.chunkRows, rows) * outputCount }

  /// Floating-point operations of logits and gradient of some rows.
  func work(rows: Int) -> Double { (weight.isTrained ? 6 : 4) * Double(weight.count) * Double(rows) }

  /// The same head on an array of its own with the numbers of `table`; nil: it has its own already.
  func untied(from table: Parameter, named name: String) -> LanguageModelHead? {
    guard weight === table else { return nil }
    let own = Parameter(name: name, sharing: table)
    return LanguageModelHead(weight: own, bias: bias, softCap: softCap)
  }

  public func logits(_ h: Matrix, into logits: Matrix, _ pass: Pass) { project(h, into: logits) }

  private func project(_ h: Matrix, into logits: Matrix) {
    weight.matrix.multiply(h, .outputsByInputs, bias: bias?.vector, into: logits)
    if let softCap { logits.applySoftCap(softCap) }
  }

  /// The cross-entropy of each row, in nats.
  public func loss(
    _ h: Matrix, _ truth: Truth, losses: UnsafeMutableBufferPointer<Double>, dh: Matrix?, _ pass: Pass
  ) {
    let scratch = pass.scratch
    let mark = scratch.mark()
    let buffer = scratch.matrix(min(Self.chunkRows, h.rows), outputCount)
    for start in stride(from: 0, to: h.rows, by: Self.chunkRows) {
      let range = start..<min(start + Self.chunkRows, h.rows)
      let rows = h.rows(range), logits = buffer.rows(0..<range.count)
      let labels = truth.classes.dropFirst(start).prefix(range.count)
      let loss = UnsafeMutableBufferPointer(rebasing: losses[range])
      project(rows, into: logits)
      guard let dh else {
        logits.crossEntropies(labels, into: loss)
        continue
      }
      logits.applyCrossEntropyGradient(labels, softCap: softCap, losses: loss)
      // logits = cap(h Eᵀ + b), and the cap's slope is in the gradient already
      pass.backward {
        if let gradient = bias?.gradient { logits.addColumnSums(to: gradient) }
        weight.gradient?.addWeightGradient(x: rows, dy: logits, .outputsByInputs)
        weight.matrix.multiplyTransposed(logits, .outputsByInputs, into: dh.rows(range))
      }
    }
    scratch.release(to: mark)
  }
}
