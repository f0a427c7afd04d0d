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

/// Keys, or values, that all heads treat before the next: they stay in the nearest cache.
enum { keysAtATime = 16 };

VECTORIZED void ck_attend_one(long heads, long sharing, long length, long width, float scale, float cap,
                              const float *bias, const float *q, const float *k, const float *v, long stride,
                              float *scores, float *y, float *logsumexp) {
  REGROUP
  for (long start = 0; start < length; start += keysAtATime) {
    long end = start + keysAtATime < length ? start + keysAtATime : length;
    for (long h = 0; h < heads; h++) {
      const float *query = q + h * width, *keys = k + h / sharing * width;
      for (long t = start; t < end; t++) {
        const float *key = keys + t * stride;
        float sum = 0;
        for (long j = 0; j < width; j++) sum += query[j] * key[j];
        scores[h * length + t] = scale * sum;
      }
    }
  }
  for (long h = 0; h < heads; h++) {
    float *row = scores + h * length;
    if (cap > 0)
      for (long t = 0; t < length; t++) row[t] = cap * hyperbolicTangent(row[t] / cap);
    if (bias)
      for (long t = 0; t < length; t++) row[t] += bias[t];
    float top = largest(length, row), sum = 0;
    for (long t = 0; t < length; t++) {
      row[t] = exponential(row[t] - top);
      sum += row[t];
    }
    float inverse = 1.0f / sum;
    for (long t = 0; t < length; t++) row[t] *= inverse;
    logsumexp[h] = top + logf(sum);
  }
  for (long i = 0; i < heads * width; i++) y[i] = 0;
  for (long start = 0; start < length; start += keysAtATime) {
    long end = start + keysAtATime < length ? start + keysAtATime : length;
    for (long h = 0; h < heads; h++) {
      const float *values = v + h / sharing * width;
      float *out = y + h * width;
      for (long t = start; t < end; t++) {
        const float *value = values + t * stride;
        float weight = scores[h * length + t];
        for (long j = 0; j < width; j++) out[j] += weight * value[j];
      }
    }
  }
}

// Y = (e^a y + e^b z) / (e^a + e^b)
VECTORIZED void ck_join_attention(long heads, long width, float *y, float *logsumexp, const float *other,
                                  const float *otherLogsumexp, long otherStride) {
  for (long h = 0; h < heads; h++) {
    float a = logsumexp[h], b = otherLogsumexp[h * otherStride], top = a > b ? a : b;
    float own = expf(a - top), others = expf(b - top), inverse = 1.0f / (own + others);
    for (long j = h * width; j < (h + 1) * width; j++) y[j] = (own * y[j] + others * other[j]) * inverse;
    logsumexp[h] = top + logf(own + others);
  }
}
