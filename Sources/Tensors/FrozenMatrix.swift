import CKernels

/// The weight of a linear map, hiding where and in which precision it lives.
///
///     y = x W        W (inputs, outputs) in the mathematics
///
/// GPT-2 stores W as it is (Conv1D); most other families store Wᵀ (PyTorch's Linear). The numbers may be a shared map
/// of a file, a shared-memory window or, when everything is trained, the trainable buffer; this type never copies them.
public struct FrozenMatrix {
  /// How the numbers lie in memory.
  public enum Layout: Sendable {
    /// (inputs, outputs): GPT-2's Conv1D.
    case inputsByOutputs
    /// (outputs, inputs): PyTorch's Linear.
    case outputsByInputs
  }

  public let inputs: Int
  public let outputs: Int
  public let layout: Layout
  /// The stored numbers, fp32.
  public let stored: Matrix

  /// - Parameter stored: (inputs, outputs) or (outputs, inputs), as `layout` says.
  public init(_ stored: Matrix, layout: Layout) {
    self.stored = stored
    self.layout = layout
    inputs = layout == .inputsByOutputs ? stored.rows : stored.columns
    outputs = layout == .inputsByOutputs ? stored.columns : stored.rows
  }

  /// y = x W + beta y.
  ///
  /// Shapes: x (tokens, inputs), y (tokens, outputs).
  public func multiply(_ x: Matrix, into y: Matrix, beta: Float = 1) {
    y.accumulate(x.N, layout == .inputsByOutputs ? stored.N : stored.T, beta: beta)
  }

  /// dx = dy Wᵀ + beta dx.
  ///
  /// Shapes: dy (tokens, outputs), dx (tokens, inputs).
  public func multiplyTransposed(_ dy: Matrix, into dx: Matrix, beta: Float = 1) {
    dx.accumulate(dy.N, layout == .inputsByOutputs ? stored.T : stored.N, beta: beta)
  }

  /// The sum of squares of the weights into each output.
  public func outputSquares() -> [Float] {
    var squares = [Float](repeating: 0, count: outputs)
    switch layout {
    case .inputsByOutputs:
      ck_add_column_products(inputs, outputs, stored.base, stored.stride, stored.base, stored.stride, &squares)
    case .outputsByInputs: ck_add_row_squares(outputs, inputs, stored.base, stored.stride, &squares)
    }
    return squares
  }

  /// gradient += xᵀ dy, in the layout of the stored numbers.
  public func addGradient(x: Matrix, dy: Matrix, to gradient: Matrix) {
    switch layout {
    case .inputsByOutputs: gradient.accumulate(x.T, dy.N)
    case .outputsByInputs: gradient.accumulate(dy.T, x.N)
    }
  }
}
