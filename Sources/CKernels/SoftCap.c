#include "Vectorized.h"

VECTORIZED void ck_soft_cap(long count, float scale, float cap, float *x) {
  float inner = scale / cap;
  for (long i = 0; i < count; i++) x[i] = cap * hyperbolicTangent(inner * x[i]);
}

// y = cap tanh(x / cap), dy/dx = 1 - (y / cap)²
VECTORIZED void ck_soft_cap_backward(long count, float cap, const float *y, float *dy) {
  float inverse = 1.0f / cap;
  for (long i = 0; i < count; i++) dy[i] *= 1.0f - (y[i] * inverse) * (y[i] * inverse);
}
