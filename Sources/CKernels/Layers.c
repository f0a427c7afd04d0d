#include "Vectorized.h"

#include <math.h>
#include <string.h>

VECTORIZED void ck_layer_norm_forward(long rows, long width, const float *x, const float *gamma, const float *beta,
                                      float epsilon, float *y, float *mean, float *rstd) {
  REGROUP
  for (long i = 0; i < rows; i++) {
    const float *row = x + i * width;
    float *out = y + i * width;
    float sum = 0;
    for (long j = 0; j < width; j++) sum += row[j];
    float center = sum / (float)width, squares = 0;
    for (long j = 0; j < width; j++) squares += (row[j] - center) * (row[j] - center);
    float scale = 1.0f / sqrtf(squares / (float)width + epsilon);
    for (long j = 0; j < width; j++) out[j] = (row[j] - center) * scale * gamma[j] + beta[j];
    mean[i] = center;
    rstd[i] = scale;
  }
}

VECTORIZED void ck_layer_norm_again(long rows, long width, const float *x, const float *gamma, const float *beta,
                                    const float *mean, const float *rstd, float *y) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < width; j++)
      y[i * width + j] = (x[i * width + j] - mean[i]) * rstd[i] * gamma[j] + beta[j];
}

// y = xhat gamma + beta, xhat = (x - mean) rstd
// dx = rstd (g - mean(g) - xhat mean(g xhat)),  g = dy gamma
VECTORIZED void ck_layer_norm_backward(long rows, long width, const float *dy, const float *x, const float *gamma,
                                       const float *mean, const float *rstd, float *dx) {
  REGROUP
  for (long i = 0; i < rows; i++) {
    const float *grad = dy + i * width, *row = x + i * width;
    float *out = dx + i * width;
    float center = mean[i], scale = rstd[i], sum = 0, product = 0;
    for (long j = 0; j < width; j++) {
      float g = grad[j] * gamma[j];
      sum += g;
      product += g * (row[j] - center) * scale;
    }
    sum /= (float)width;
    product /= (float)width;
    for (long j = 0; j < width; j++)
      out[j] += scale * (grad[j] * gamma[j] - sum - (row[j] - center) * scale * product);
  }
}

VECTORIZED void ck_layer_norm_parameter_gradients(long rows, long columns, const float *dy, const float *x, long stride,
                                                  const float *mean, const float *rstd, float *dgamma,
                                                  float *dbeta) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) {
      dgamma[j] += dy[i * stride + j] * (x[i * stride + j] - mean[i]) * rstd[i];
      dbeta[j] += dy[i * stride + j];
    }
}

// 0.5 (1 + tanh u) = sigmoid(2 u), with u = sqrt(2/pi) (x + 0.044715 x^3)
static const float twiceRoot = 1.5957691216057308f, cubic = 0.044715f;

VECTORIZED void ck_gelu_tanh_forward(long count, const float *x, float *y) {
  for (long i = 0; i < count; i++) {
    float v = x[i];
    y[i] = v / (1.0f + exponential(-twiceRoot * (v + cubic * v * v * v)));
  }
}

VECTORIZED void ck_gelu_tanh_backward(long count, const float *x, float *dy) {
  for (long i = 0; i < count; i++) {
    float v = x[i];
    float s = 1.0f / (1.0f + exponential(-twiceRoot * (v + cubic * v * v * v)));
    dy[i] *= s + v * s * (1.0f - s) * twiceRoot * (1.0f + 3.0f * cubic * v * v);
  }
}

VECTORIZED void ck_relu_forward(long count, const float *x, float *y) {
  for (long i = 0; i < count; i++) y[i] = x[i] > 0 ? x[i] : 0;
}

VECTORIZED void ck_relu_backward(long count, const float *x, float *dy) {
  for (long i = 0; i < count; i++) dy[i] = x[i] > 0 ? dy[i] : 0;
}

VECTORIZED void ck_embed_scaled(long rows, long width, const int32_t *tokens, const float *table, float scale,
                                float *y) {
  for (long i = 0; i < rows; i++) {
    const float *token = table + (long)tokens[i] * width;
    for (long j = 0; j < width; j++) y[i * width + j] = scale * token[j];
  }
}

VECTORIZED void ck_scatter_add_rows(long rows, long columns, const int32_t *index, const float *dy, long stride,
                                    float *table, long tableStride) {
  for (long i = 0; i < rows; i++) {
    float *row = table + (long)index[i] * tableStride;
    for (long j = 0; j < columns; j++) row[j] += dy[i * stride + j];
  }
}

void ck_gather_rows(long rows, long width, const int32_t *index, const float *x, long stride, float *y) {
  for (long i = 0; i < rows; i++)
    memcpy(y + i * width, x + (long)index[i] * stride, (size_t)width * sizeof(float));
}

/// The row's largest logit, and the sum of e^(logit - largest).
static inline __attribute__((always_inline)) double exponentialSum(long classes, const float *row, float *maximum) {
  REGROUP
  float top = largest(classes, row);
  double sum = 0;
  for (long block = 0; block < classes; block += 4096) {  // short fp32 sums, joined in double
    long end = block + 4096 < classes ? block + 4096 : classes;
    float partial = 0;
    for (long j = block; j < end; j++) partial += exponential(row[j] - top);
    sum += (double)partial;
  }
  *maximum = top;
  return sum;
}

VECTORIZED void ck_cross_entropy(long rows, long classes, float *logits, const int32_t *labels, double *loss) {
  for (long i = 0; i < rows; i++) {
    float *row = logits + i * classes;
    float top;
    double sum = exponentialSum(classes, row, &top);
    loss[i] = log(sum) - (double)(row[labels[i]] - top);
    float inverse = (float)(1.0 / sum);
    for (long j = 0; j < classes; j++) row[j] = exponential(row[j] - top) * inverse;
    row[labels[i]] -= 1.0f;
  }
}

// y = cap tanh(x / cap): the softmax's gradient times 1 - (y / cap)²
VECTORIZED void ck_cross_entropy_soft_capped(long rows, long classes, float cap, float *logits, const int32_t *labels,
                                             double *loss) {
  float factor = 1.0f / (cap * cap);
  for (long i = 0; i < rows; i++) {
    float *row = logits + i * classes;
    float top, label = row[labels[i]];
    double sum = exponentialSum(classes, row, &top);
    loss[i] = log(sum) - (double)(label - top);
    float inverse = (float)(1.0 / sum);
    for (long j = 0; j < classes; j++) row[j] = exponential(row[j] - top) * inverse * (1.0f - row[j] * row[j] * factor);
    row[labels[i]] -= 1.0f - label * label * factor;
  }
}

VECTORIZED void ck_cross_entropy_loss(long rows, long classes, const float *logits, const int32_t *labels,
                                      double *loss) {
  for (long i = 0; i < rows; i++) {
    const float *row = logits + i * classes;
    float top;
    double sum = exponentialSum(classes, row, &top);
    loss[i] = log(sum) - (double)(row[labels[i]] - top);
  }
}
