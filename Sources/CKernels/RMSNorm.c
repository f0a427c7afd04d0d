#include "Vectorized.h"

#include <math.h>

VECTORIZED void ck_rms_norm_forward(long rows, long width, const float *x, const float *weight, float offset,
                                    float epsilon, float *y, float *rstd) {
  REGROUP
  for (long i = 0; i < rows; i++) {
    const float *row = x + i * width;
    float *out = y + i * width;
    float squares = 0;
    for (long j = 0; j < width; j++) squares += row[j] * row[j];
    float scale = 1.0f / sqrtf(squares / (float)width + epsilon);
    for (long j = 0; j < width; j++) out[j] = row[j] * scale * (offset + weight[j]);
    rstd[i] = scale;
  }
}

VECTORIZED void ck_rms_norm_again(long rows, long width, const float *x, const float *weight, float offset,
                                  const float *rstd, float *y) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < width; j++) y[i * width + j] = x[i * width + j] * rstd[i] * (offset + weight[j]);
}

// y = xhat (offset + weight), xhat = x rstd
// dx = rstd (g - xhat mean(g xhat)),  g = dy (offset + weight)
VECTORIZED void ck_rms_norm_backward(long rows, long width, const float *dy, const float *x, const float *weight,
                                     float offset, const float *rstd, float *dx) {
  REGROUP
  for (long i = 0; i < rows; i++) {
    const float *grad = dy + i * width, *row = x + i * width;
    float *out = dx + i * width;
    float scale = rstd[i], product = 0;
    for (long j = 0; j < width; j++) product += grad[j] * (offset + weight[j]) * row[j];
    product *= scale * scale / (float)width;
    for (long j = 0; j < width; j++) out[j] += scale * (grad[j] * (offset + weight[j]) - row[j] * product);
  }
}

VECTORIZED void ck_rms_norm_weight_gradient(long rows, long columns, const float *dy, const float *x, long stride,
                                            const float *rstd, float *dweight) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) dweight[j] += dy[i * stride + j] * x[i * stride + j] * rstd[i];
}
