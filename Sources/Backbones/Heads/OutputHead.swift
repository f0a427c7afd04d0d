import Tensors

/// What a model predicts at its label rows, and how that is judged.
public protocol OutputHead {
  /// Logits a row: the vocabulary, or the classes; 1 for a head that gives a number.
  var outputCount: Int { get }
  /// The last projection's weight.
  var weight: Parameter { get }

  /// Sets the logits. Shapes: h (rows, width), logits (rows, outputs).
  ///
  /// - Parameter pass: Over the rows of h.
  func logits(_ h: Matrix, into logits: Matrix, _ pass: Pass)

  /// The loss of each row, and the gradient of their sum.
  ///
  /// - Parameters:
  ///   - h: (rows, width).
  ///   - truth: What the rows should predict.
  ///   - losses: Receives a loss a row.
  ///   - dh: Receives the gradient of the sum of losses by h, and the head's trained parameters theirs; nil when only
  ///     losses are wanted.
  ///   - pass: Over the rows of h.
  func loss(_ h: Matrix, _ truth: Truth, losses: UnsafeMutableBufferPointer<Double>, dh: Matrix?, _ pass: Pass)
}

/// What label rows should predict: a class each or, where a head gives a number, a number.
public struct Truth {
  public let classes: ArraySlice<Int32>
  public let numbers: ArraySlice<Float>

  public init(classes: ArraySlice<Int32>, numbers: ArraySlice<Float> = []) {
    (self.classes, self.numbers) = (classes, numbers)
  }
}
