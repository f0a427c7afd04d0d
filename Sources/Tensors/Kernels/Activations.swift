import CKernels

/// The nonlinearity between two maps.
public enum PlainActivation: Sendable {
  /// GELU in its tanh form: GPT-2.
  case geluTanh
  /// GELU by the error function: BERT.
  case gelu
  /// max(x, 0): T5.
  case relu

  /// y = act(x). Shapes: equal, contiguous.
  public func forward(_ x: Matrix, into y: Matrix) {
    y.requireShape(x)
    Threads.elements(x.count) { start, count in
      let (x, y) = (x.base + start, y.base + start)
      switch self {
      case .geluTanh: ck_gelu_tanh_forward(count, x, y)
      case .gelu: ck_gelu_forward(count, x, y)
      case .relu: ck_relu_forward(count, x, y)
      }
    }
  }

  /// Multiplies dy by the slope at x. Shapes: equal, contiguous.
  public func backward(_ x: Matrix, _ dy: Matrix) {
    dy.requireShape(x)
    Threads.elements(x.count) { start, count in
      let (x, dy) = (x.base + start, dy.base + start)
      switch self {
      case .geluTanh: ck_gelu_tanh_backward(count, x, dy)
      case .gelu: ck_gelu_backward(count, x, dy)
      case .relu: ck_relu_backward(count, x, dy)
      }
    }
  }
}

/// The nonlinearity of a gate.
public enum GateActivation: Sendable {
  /// x sigmoid(x): SwiGLU.
  case silu
  /// GELU in its tanh form: GeGLU.
  case geluTanh

  /// y = act(gate) ∘ up. Shapes: equal, contiguous.
  public func forward(gate: Matrix, up: Matrix, into y: Matrix) {
    y.requireShape(gate)
    y.requireShape(up)
    Threads.elements(y.count) { start, count in
      let (gate, up, y) = (gate.base + start, up.base + start, y.base + start)
      switch self {
      case .silu: ck_gated_silu_forward(count, gate, up, y)
      case .geluTanh: ck_gated_gelu_tanh_forward(count, gate, up, y)
      }
    }
  }

  /// Sets dGate, and makes dy, the gradient of ``forward(gate:up:into:)``'s y, that of up.
  public func backward(gate: Matrix, up: Matrix, _ dy: Matrix, dGate: Matrix) {
    dy.requireShape(gate)
    dy.requireShape(up)
    dy.requireShape(dGate)
    Threads.elements(dy.count) { start, count in
      let (gate, up, dy, dGate) = (gate.base + start, up.base + start, dy.base + start, dGate.base + start)
      switch self {
      case .silu: ck_gated_silu_backward(count, gate, up, dy, dGate)
      case .geluTanh: ck_gated_gelu_tanh_backward(count, gate, up, dy, dGate)
      }
    }
  }
}

/// Nonlinearities in place, of contiguous matrices.
extension Matrix {
  /// y = tanh(y).
  public func applyTanh() {
    let y = elements.baseAddress!
    Threads.elements(count) { ck_tanh_forward($1, y + $0) }
  }

  /// Multiplies by the slope of a tanh whose results are y.
  public func multiplyByTanhSlope(at y: Matrix) {
    requireShape(y)
    let (y, dy) = (y.elements.baseAddress!, elements.baseAddress!)
    Threads.elements(count) { ck_tanh_backward($1, y + $0, dy + $0) }
  }

  /// x = cap tanh(scale x / cap).
  public func applySoftCap(_ cap: Float, scale: Float = 1) {
    let x = elements.baseAddress!
    Threads.elements(count) { ck_soft_cap($1, scale, cap, x + $0) }
  }

  /// Multiplies by the slope of a soft cap whose results are y.
  public func multiplyBySoftCapSlope(_ cap: Float, at y: Matrix) {
    requireShape(y)
    let (y, dy) = (y.elements.baseAddress!, elements.baseAddress!)
    Threads.elements(count) { ck_soft_cap_backward($1, cap, y + $0, dy + $0) }
  }
}
