#include "Vectorized.h"

#include <math.h>

/// The columns that a row of scores keeps: those up to its own, or the visible ones if these are more, and with a
/// window the last ones of them.
typedef struct {
  long begin, end;
} Kept;

static inline __attribute__((always_inline)) Kept keptColumns(long own, long columns, long window, long visible) {
  long end = own + 1 > visible ? own + 1 : visible;
  Kept kept = {own + 1 > window ? own + 1 - window : 0, end < columns ? end : columns};
  return kept;
}

VECTORIZED void ck_masked_softmax(long rows, long columns, long first, long window, long visible, float scale,
                                  float *scores, long stride, float *logsumexp) {
  REGROUP
  for (long i = 0; i < rows; i++) {
    float *row = scores + i * stride;
    Kept kept = keptColumns(first + i, columns, window, visible);
    float top = largest(kept.end - kept.begin, row + kept.begin);
    float sum = 0;
    for (long j = kept.begin; j < kept.end; j++) {
      row[j] = exponential(scale * (row[j] - top));
      sum += row[j];
    }
    float inverse = 1.0f / sum;
    for (long j = 0; j < kept.begin; j++) row[j] = 0;
    for (long j = kept.begin; j < kept.end; j++) row[j] *= inverse;
    for (long j = kept.end; j < columns; j++) row[j] = 0;
    logsumexp[i] = scale * top + logf(sum);
  }
}

VECTORIZED void ck_masked_softmax_again(long rows, long columns, long first, long window, long visible, float scale,
                                        float *scores, long stride, const float *logsumexp) {
  for (long i = 0; i < rows; i++) {
    float *row = scores + i * stride;
    Kept kept = keptColumns(first + i, columns, window, visible);
    for (long j = 0; j < kept.begin; j++) row[j] = 0;
    for (long j = kept.begin; j < kept.end; j++) row[j] = exponential(scale * row[j] - logsumexp[i]);
    for (long j = kept.end; j < columns; j++) row[j] = 0;
  }
}

VECTORIZED void ck_row_products(long rows, long columns, const float *dy, long dyStride, const float *y,
                                long yStride, float *delta) {
  REGROUP
  for (long i = 0; i < rows; i++) {
    float sum = 0;
    for (long j = 0; j < columns; j++) sum += dy[i * dyStride + j] * y[i * yStride + j];
    delta[i] = sum;
  }
}

VECTORIZED void ck_softmax_backward(long rows, long columns, float scale, const float *p, float *dp, long stride,
                                    const float *delta) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++)
      dp[i * stride + j] = scale * p[i * stride + j] * (dp[i * stride + j] - delta[i]);
}

VECTORIZED float ck_attend_one(long length, long width, float scale, float cap, const float *bias, const float *q,
                               const float *k, const float *v, long stride, float *scores, float *y) {
  REGROUP
  for (long t = 0; t < length; t++) {
    const float *key = k + t * stride;
    float sum = 0;
    for (long j = 0; j < width; j++) sum += q[j] * key[j];
    scores[t] = scale * sum;
  }
  if (cap > 0)
    for (long t = 0; t < length; t++) scores[t] = cap * hyperbolicTangent(scores[t] / cap);
  if (bias)
    for (long t = 0; t < length; t++) scores[t] += bias[t];
  float top = largest(length, scores), sum = 0;
  for (long t = 0; t < length; t++) {
    scores[t] = exponential(scores[t] - top);
    sum += scores[t];
  }
  float inverse = 1.0f / sum;
  for (long j = 0; j < width; j++) y[j] = 0;
  for (long t = 0; t < length; t++) {
    const float *value = v + t * stride;
    float weight = scores[t] * inverse;
    for (long j = 0; j < width; j++) y[j] += weight * value[j];
  }
  return top + logf(sum);
}

// Y = (e^a y + e^b z) / (e^a + e^b)
VECTORIZED float ck_join_attention(long width, float *y, float logsumexp, const float *other, float otherLogsumexp) {
  float top = logsumexp > otherLogsumexp ? logsumexp : otherLogsumexp;
  float own = expf(logsumexp - top), others = expf(otherLogsumexp - top), inverse = 1.0f / (own + others);
  for (long j = 0; j < width; j++) y[j] = (own * y[j] + others * other[j]) * inverse;
  return top + logf(own + others);
}
