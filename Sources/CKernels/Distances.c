#include "Vectorized.h"

#include <math.h>

VECTORIZED void ck_add_distances(long rows, long columns, const float *bias, float *scores, long stride) {
  for (long i = 0; i < rows; i++) {
    const float *row = bias - i;
    for (long j = 0; j < columns; j++) scores[i * stride + j] += row[j];
  }
}

VECTORIZED void ck_add_distance_sums(long rows, long columns, const float *scores, long stride, float *total) {
  for (long i = 0; i < rows; i++) {
    float *row = total - i;
    for (long j = 0; j < columns; j++) row[j] += scores[i * stride + j];
  }
}

void ck_spread_distances(long count, long heads, const int32_t *bucket, const float *table, float *y, long stride) {
  for (long h = 0; h < heads; h++)
    for (long d = 0; d < count; d++) y[h * stride + d] = table[bucket[d] * heads + h];
}

void ck_collect_distances(long count, long heads, const int32_t *bucket, const float *y, long stride, float *table) {
  for (long h = 0; h < heads; h++)
    for (long d = 0; d < count; d++) table[bucket[d] * heads + h] += y[h * stride + d];
}
