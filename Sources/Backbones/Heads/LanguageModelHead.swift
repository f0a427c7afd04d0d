import CKernels
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

  /// The same head on an array of its own with the numbers of `table`; nil: it has its own already.
  func untied(from table: Parameter, named name: String) -> LanguageModelHead? {
    guard weight === table else { return nil }
    let own = Parameter(name: name, shape: table.shape, values: table.values)
    return LanguageModelHead(weight: own, bias: bias, softCap: softCap)
  }

  private var projection: FrozenMatrix { FrozenMatrix(weight.matrix, layout: .outputsByInputs) }

  public func logits(_ h: Matrix, into logits: Matrix, _ pass: Pass) { project(h, into: logits) }

  private func project(_ h: Matrix, into logits: Matrix) {
    if let bias { ck_fill_rows(logits.rows, logits.columns, bias.values, logits.base, logits.stride) }
    projection.multiply(h, into: logits, beta: bias == nil ? 0 : 1)
    if let softCap { ck_soft_cap(logits.count, 1, softCap, logits.base) }
  }

  /// The cross-entropy of each row, in nats.
  public func loss(
    _ h: Matrix, _ truth: Truth, losses: UnsafeMutableBufferPointer<Double>, dh: Matrix?, _ pass: Pass
  ) {
    let scratch = pass.scratch
    let mark = scratch.mark()
    let buffer = scratch.matrix(min(Self.chunkRows, h.rows), outputCount)
    truth.classes.withUnsafeBufferPointer { labels in
      for start in stride(from: 0, to: h.rows, by: Self.chunkRows) {
        let range = start..<min(start + Self.chunkRows, h.rows)
        let rows = h.rows(range), logits = buffer.rows(0..<range.count)
        project(rows, into: logits)
        let label = labels.baseAddress! + start, loss = losses.baseAddress! + start
        guard let dh else {
          ck_cross_entropy_loss(range.count, outputCount, logits.base, label, loss)
          continue
        }
        if let softCap {
          ck_cross_entropy_soft_capped(range.count, outputCount, softCap, logits.base, label, loss)
        } else {
          ck_cross_entropy(range.count, outputCount, logits.base, label, loss)
        }
        // logits = cap(h Eᵀ), and the cap's slope is in the gradient already
        if let gradient = bias?.gradient {
          ck_add_column_sums(logits.rows, logits.columns, logits.base, logits.stride, gradient)
        }
        if let gradient = weight.gradientMatrix { projection.addGradient(x: rows, dy: logits, to: gradient) }
        projection.multiplyTransposed(logits, into: dh.rows(range), beta: 0)
      }
    }
    scratch.release(to: mark)
  }
}
