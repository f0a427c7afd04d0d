#include "Vectorized.h"

#include <string.h>

static inline __attribute__((always_inline)) uint32_t bitsOf(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline __attribute__((always_inline)) float floatOf(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/// The upper half of the nearest number that has no lower half, ties to even.
static inline __attribute__((always_inline)) uint32_t rounded(float x) {
  uint32_t bits = bitsOf(x), isNaN = (bits & 0x7fffffff) > 0x7f800000;
  uint32_t near = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = bits >> 16 | 0x40;
  return isNaN ? quiet : near;
}

VECTORIZED void ck_round_bf16(long rows, long columns, const float *x, long stride, uint16_t *y) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) y[i * columns + j] = (uint16_t)rounded(x[i * stride + j]);
}

VECTORIZED void ck_round_through_bf16(long rows, long columns, const float *x, long stride, float *y) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) y[i * columns + j] = floatOf(rounded(x[i * stride + j]) << 16);
}

VECTORIZED void ck_expand_bf16(long count, const uint16_t *x, float *y) {
  for (long i = 0; i < count; i++) y[i] = floatOf((uint32_t)x[i] << 16);
}

VECTORIZED void ck_add_bf16(long count, const uint16_t *x, float *y) {
  for (long i = 0; i < count; i++) y[i] += floatOf((uint32_t)x[i] << 16);
}

VECTORIZED void ck_add_rounding_bf16(long count, const float *x, float *y) {
  for (long i = 0; i < count; i++) y[i] = floatOf(rounded(y[i] + x[i]) << 16);
}
