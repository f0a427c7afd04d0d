#include "Vectorized.h"

#include <math.h>

/// Philox4x32-10: ten rounds of two 32x32 -> 64 bit products and key additions.
static inline __attribute__((always_inline)) void philox(uint32_t *c, uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t x = (uint32_t)(b >> 32) ^ c[1] ^ k0, z = (uint32_t)(a >> 32) ^ c[3] ^ k1;
    c[0] = x;
    c[1] = (uint32_t)b;
    c[2] = z;
    c[3] = (uint32_t)a;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

void ck_philox(const uint32_t *counter, const uint32_t *key, uint32_t *out) {
  for (int i = 0; i < 4; i++) out[i] = counter[i];
  philox(out, key[0], key[1]);
}

/// The four words of block `block` of a stream.
static inline __attribute__((always_inline)) void words(uint64_t key, uint64_t stream, uint64_t block,
                                                        uint32_t *out) {
  out[0] = (uint32_t)block;
  out[1] = (uint32_t)(block >> 32);
  out[2] = (uint32_t)stream;
  out[3] = (uint32_t)(stream >> 32);
  philox(out, (uint32_t)key, (uint32_t)(key >> 32));
}

/// 24 random bits as a number in [0, 1).
static inline __attribute__((always_inline)) float unit(uint32_t word) { return (float)(word >> 8) * 0x1p-24f; }

void ck_uniform(long count, uint64_t key, uint64_t stream, float *x) {
  uint32_t block[4];
  for (long i = 0; i < count; i++) {
    if (i % 4 == 0) words(key, stream, (uint64_t)i / 4, block);
    x[i] = unit(block[i % 4]);
  }
}

/// ln x for x in (0, 1] (Cephes' logf).
static inline __attribute__((always_inline)) float logarithm(float x) {
  union { float value; int32_t bits; } number = {x};
  int exponent = (number.bits >> 23) - 126;
  number.bits = (number.bits & 0x007FFFFF) | 0x3F000000;  // mantissa in [1/2, 1)
  int isLow = number.value < 0.707106781186547524f;
  exponent -= isLow;
  float m = (isLow ? 2.0f * number.value : number.value) - 1.0f, e = (float)exponent;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  return m - 0.5f * m * m + m * m * m * p + e * 0.69314718055994531f;
}

/// cos and sin of 2 pi turn, turn in [0, 1): quadrant and Cephes' polynomials.
static inline __attribute__((always_inline)) void circle(float turn, float *cosine, float *sine) {
  int quadrant = (int)(4.0f * turn + 0.5f);
  float r = (4.0f * turn - (float)quadrant) * 1.57079632679489662f, z = r * r;
  float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
  float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
  int swap = quadrant & 1;
  float x = swap ? s : c, y = swap ? c : s;
  *cosine = ((quadrant + 1) & 2) ? -x : x;
  *sine = (quadrant & 2) ? -y : y;
}

/// The four normal numbers of one block of a stream.
static inline __attribute__((always_inline)) void normals(uint64_t key, uint64_t stream, uint64_t index, float *x) {
  uint32_t block[4];
  words(key, stream, index, block);
  for (int pair = 0; pair < 2; pair++) {
    float radius = sqrtf(-2.0f * logarithm(1.0f - unit(block[2 * pair]))), cosine, sine;
    circle(unit(block[2 * pair + 1]), &cosine, &sine);
    x[2 * pair] = radius * cosine;
    x[2 * pair + 1] = radius * sine;
  }
}

VECTORIZED void ck_normal(long count, uint64_t key, uint64_t stream, float *x) {
  long whole = count / 4;
  for (long i = 0; i < whole; i++) normals(key, stream, (uint64_t)i, x + 4 * i);
  float last[4];
  if (count % 4 != 0) normals(key, stream, (uint64_t)whole, last);
  for (long j = 0; j < count % 4; j++) x[4 * whole + j] = last[j];
}

VECTORIZED void ck_dropout(long count, float rate, uint64_t key, uint64_t stream, uint64_t first, const float *x,
                           float *y) {
  float kept = 1.0f / (1.0f - rate);
  uint32_t threshold = (uint32_t)((double)rate * 0x1p32);
  uint64_t start = first / 4;
  long whole = count / 4;
  for (long i = 0; i < whole; i++) {
    uint32_t block[4];
    words(key, stream, start + (uint64_t)i, block);
    for (int j = 0; j < 4; j++) y[4 * i + j] = block[j] >= threshold ? x[4 * i + j] * kept : 0.0f;
  }
  if (count % 4 != 0) {
    uint32_t block[4];
    words(key, stream, start + (uint64_t)whole, block);
    for (long j = 0; j < count % 4; j++) y[4 * whole + j] = block[j] >= threshold ? x[4 * whole + j] * kept : 0.0f;
  }
}
