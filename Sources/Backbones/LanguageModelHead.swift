import CKernels
import Tensors

/// The output projection of a language model, run on the rows that need it, a few at a time.
///
///     logits = cap(h Eᵀ)        E (vocabulary, width), often the token embedding itself; cap(l) = c tanh(l / c), or l
public struct LanguageModelHead {
  public let weight: Parameter
  /// c, the bound of logits (Gemma 2); nil: none.
  public let softCap: Float?

  /// Rows projected at a time: bounds the logits' memory to this many vocabularies.
  static let chunkRows = 128

  public init(weight: Parameter, softCap: Float? = nil) {
    self.weight = weight
    self.softCap = softCap
  }

  public var vocabularySize: Int { weight.shape[0] }

  private var projection: FrozenMatrix { FrozenMatrix(weight.matrix, layout: .outputsByInputs) }

  /// logits = cap(h Eᵀ). Shapes: h (rows, width), logits (rows, vocabulary).
  public func logits(_ h: Matrix, into logits: Matrix) {
    projection.multiply(h, into: logits, beta: 0)
    if let softCap { ck_soft_cap(logits.count, 1, softCap, logits.base) }
  }

  /// The cross-entropy of each row, in nats, and the gradient of their sum.
  ///
  /// - Parameters:
  ///   - h: (rows, width). labels: A class a row.
  ///   - losses: Receives a loss a row.
  ///   - dh: Receives the gradient of the sum of losses by h; nil when only losses are wanted. The weight's gradient
  ///     is added too if it is trained.
  public func crossEntropy(
    _ h: Matrix, labels: [Int32], losses: UnsafeMutableBufferPointer<Double>, dh: Matrix?, scratch: Workspace
  ) {
    let mark = scratch.mark()
    let buffer = scratch.matrix(min(Self.chunkRows, h.rows), vocabularySize)
    labels.withUnsafeBufferPointer { labels in
      for start in stride(from: 0, to: h.rows, by: Self.chunkRows) {
        let range = start..<min(start + Self.chunkRows, h.rows)
        let rows = h.rows(range), logits = buffer.rows(0..<range.count)
        self.logits(rows, into: logits)
        let label = labels.baseAddress! + start, loss = losses.baseAddress! + start
        guard let dh else {
          ck_cross_entropy_loss(range.count, vocabularySize, logits.base, label, loss)
          continue
        }
        if let softCap {
          ck_cross_entropy_soft_capped(range.count, vocabularySize, softCap, logits.base, label, loss)
        } else {
          ck_cross_entropy(range.count, vocabularySize, logits.base, label, loss)
        }
        // logits = cap(h Eᵀ), and the cap's slope is in the gradient already
        if let gradient = weight.gradientMatrix { projection.addGradient(x: rows, dy: logits, to: gradient) }
        projection.multiplyTransposed(logits, into: dh.rows(range), beta: 0)
      }
    }
    scratch.release(to: mark)
  }
}
