#include "Vectorized.h"

// SiLU(x) = x sigmoid(x)
VECTORIZED void ck_gated_silu_forward(long count, const float *gate, const float *up, float *y) {
  for (long i = 0; i < count; i++) y[i] = gate[i] / (1.0f + exponential(-gate[i])) * up[i];
}

VECTORIZED void ck_gated_silu_backward(long count, const float *gate, const float *up, float *dy, float *dGate) {
  for (long i = 0; i < count; i++) {
    float v = gate[i], s = 1.0f / (1.0f + exponential(-v));
    dGate[i] = dy[i] * up[i] * (s + v * s * (1.0f - s));
    dy[i] *= v * s;
  }
}

// GELU(x) = x sigmoid(2 u), with u = sqrt(2/pi) (x + 0.044715 x^3)
static const float twiceRoot = 1.5957691216057308f, cubic = 0.044715f;

VECTORIZED void ck_gated_gelu_tanh_forward(long count, const float *gate, const float *up, float *y) {
  for (long i = 0; i < count; i++) {
    float v = gate[i];
    y[i] = v / (1.0f + exponential(-twiceRoot * (v + cubic * v * v * v))) * up[i];
  }
}

VECTORIZED void ck_gated_gelu_tanh_backward(long count, const float *gate, const float *up, float *dy, float *dGate) {
  for (long i = 0; i < count; i++) {
    float v = gate[i], s = 1.0f / (1.0f + exponential(-twiceRoot * (v + cubic * v * v * v)));
    dGate[i] = dy[i] * up[i] * (s + v * s * (1.0f - s) * twiceRoot * (1.0f + 3.0f * cubic * v * v));
    dy[i] *= v * s;
  }
}
