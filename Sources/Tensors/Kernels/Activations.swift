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
    switch self {
    case .geluTanh: ck_gelu_tanh_forward(x.count, x.base, y.base)
    case .gelu: ck_gelu_forward(x.count, x.base, y.base)
    case .relu: ck_relu_forward(x.count, x.base, y.base)
    }
  }

  /// Multiplies dy by the slope at x. Shapes: equal, contiguous.
  public func backward(_ x: Matrix, _ dy: Matrix) {
    dy.requireShape(x)
    switch self {
    case .geluTanh: ck_gelu_tanh_backward(x.count, x.base, dy.base)
    case .gelu: ck_gelu_backward(x.count, x.base, dy.base)
    case .relu: ck_relu_backward(x.count, x.base, dy.base)
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
    switch self {
    case .silu: ck_gated_silu_forward(y.count, gate.base, up.base, y.base)
    case .geluTanh: ck_gated_gelu_tanh_forward(y.count, gate.base, up.base, y.base)
    }
  }

  /// Sets dGate, and makes dy, the gradient of ``forward(gate:up:into:)``'s y, that of up.
  public func backward(gate: Matrix, up: Matrix, _ dy: Matrix, dGate: Matrix) {
    dy.requireShape(gate)
    dy.requireShape(up)
    dy.requireShape(dGate)
    switch self {
    case .silu: ck_gated_silu_backward(dy.count, gate.base, up.base, dy.base, dGate.base)
    case .geluTanh: ck_gated_gelu_tanh_backward(dy.count, gate.base, up.base, dy.base, dGate.base)
    }
  }
}

/// Nonlinearities in place, of contiguous matrices.
extension Matrix {
  /// y = tanh(y).
  public func applyTanh() { ck_tanh_forward(count, elements.baseAddress!) }

  /// Multiplies by the slope of a tanh whose results are y.
  public func multiplyByTanhSlope(at y: Matrix) {
    requireShape(y)
    ck_tanh_backward(count, y.elements.baseAddress!, elements.baseAddress!)
  }

  /// x = cap tanh(scale x / cap).
  public func applySoftCap(_ cap: Float, scale: Float = 1) { ck_soft_cap(count, scale, cap, elements.baseAddress!) }

  /// Multiplies by the slope of a soft cap whose results are y.
  public func multiplyBySoftCapSlope(_ cap: Float, at y: Matrix) {
    requireShape(y)
    ck_soft_cap_backward(count, cap, y.elements.baseAddress!, elements.baseAddress!)
  }
}
