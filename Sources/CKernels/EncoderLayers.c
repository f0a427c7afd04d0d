#include "Vectorized.h"

// GELU(x) = x Φ(x), GELU'(x) = Φ(x) + x φ(x), Φ the normal distribution and φ its density
static const float halfRoot = 0.70710678118654752f, density = 0.39894228040143268f;

VECTORIZED void ck_gelu_forward(long count, const float *x, float *y) {
  for (long i = 0; i < count; i++) y[i] = 0.5f * x[i] * (1.0f + errorFunction(x[i] * halfRoot));
}

VECTORIZED void ck_gelu_backward(long count, const float *x, float *dy) {
  for (long i = 0; i < count; i++) {
    float v = x[i];
    dy[i] *= 0.5f * (1.0f + errorFunction(v * halfRoot)) + v * density * exponential(-0.5f * v * v);
  }
}

VECTORIZED void ck_tanh_forward(long count, float *y) {
  for (long i = 0; i < count; i++) y[i] = hyperbolicTangent(y[i]);
}

VECTORIZED void ck_tanh_backward(long count, const float *y, float *dy) {
  for (long i = 0; i < count; i++) dy[i] *= 1.0f - y[i] * y[i];
}

VECTORIZED void ck_add_table_rows(long rows, long width, const int32_t *index, const float *table, float *y) {
  for (long i = 0; i < rows; i++) {
    const float *row = table + (long)index[i] * width;
    for (long j = 0; j < width; j++) y[i * width + j] += row[j];
  }
}

VECTORIZED void ck_squared_error(long rows, float *prediction, const float *target, double *loss) {
  for (long i = 0; i < rows; i++) {
    float error = prediction[i] - target[i];
    loss[i] = (double)error * error;
    prediction[i] = 2.0f * error;
  }
}
