import Tensors

/// A classifier on the first position of a sequence: one class of several, or one number.
///
///     logits = W tanh(D h + d) + b
///     loss = -log softmax(logits)[class], or (logit - number)² where there is one output
///
/// In BERT D is the pooler, which belongs to the model; in RoBERTa it belongs to the head.
public final class ClassificationHead: OutputHead {
  let dense, projection: Linear

  init(dense: Linear, projection: Linear) { (self.dense, self.projection) = (dense, projection) }

  public var outputCount: Int { projection.outputs }
  public var weight: Parameter { projection.weight }
  /// Whether it gives a number in place of a class.
  public var isRegression: Bool { outputCount == 1 }

  public func logits(_ h: Matrix, into logits: Matrix, _ pass: Pass) {
    let mark = pass.scratch.mark()
    let pooled = pass.scratch.matrix(h.rows, dense.outputs)
    pool(h, into: pooled, pass)
    projection.forward(pooled, into: logits, pass)
    pass.scratch.release(to: mark)
  }

  private func pool(_ h: Matrix, into pooled: Matrix, _ pass: Pass) {
    dense.forward(h, into: pooled, pass)
    pooled.applyTanh()
  }

  public func loss(
    _ h: Matrix, _ truth: Truth, losses: UnsafeMutableBufferPointer<Double>, dh: Matrix?, _ pass: Pass
  ) {
    let mark = pass.scratch.mark()
    let pooled = pass.scratch.matrix(h.rows, dense.outputs), logits = pass.scratch.matrix(h.rows, outputCount)
    pool(h, into: pooled, pass)
    projection.forward(pooled, into: logits, pass)
    setLosses(logits, truth, losses)
    if let dh {
      pass.backward {
        // logits = W pooled + b
        let dPooled = pass.scratch.matrix(h.rows, dense.outputs)
        projection.backward(logits, x: pooled, into: dPooled, pass)
        // pooled = tanh(D h + d)
        dPooled.multiplyByTanhSlope(at: pooled)
        dense.backward(dPooled, x: h, into: dh, pass)
      }
    }
    pass.scratch.release(to: mark)
  }

  /// The logits become the losses' gradient.
  private func setLosses(_ logits: Matrix, _ truth: Truth, _ losses: UnsafeMutableBufferPointer<Double>) {
    if isRegression {
      logits.applySquaredErrorGradient(truth.numbers, losses: losses)
    } else {
      logits.applyCrossEntropyGradient(truth.classes, losses: losses)
    }
  }
}

/// A backbone whose sequences can be classified.
public protocol ClassifyingBackbone: Backbone {
  /// The model's own head; nil: its folder has none.
  var classifier: ClassificationHead? { get }

  /// Whether it has what a further head reads: in BERT the pooler, which some folders lack.
  var canClassify: Bool { get }

  /// The arrays of a further head, named behind the head's path.
  func classifierShapes(outputCount: Int) -> [(suffix: String, shape: [Int])]

  /// A further head on given arrays, in the order of ``classifierShapes(outputCount:)``.
  func makeClassifier(path: String, _ arrays: [Parameter]) -> ClassificationHead
}
