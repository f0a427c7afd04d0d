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

void ck_uniform(long count, uint64_t key, uint64_t stream, uint64_t first, float *x) {
  uint32_t block[4];
  for (long i = 0; i < count; i++) {
    uint64_t index = first + (uint64_t)i;
    if (i == 0 || index % 4 == 0) words(key, stream, index / 4, block);
    x[i] = unit(block[index % 4]);
  }
}

void ck_normal(long count, uint64_t key, uint64_t stream, uint64_t first, float *x) {
  uint32_t block[4];
  for (long i = 0; i < count; i += 2) {
    uint64_t index = first + (uint64_t)i;
    if (i == 0 || index % 4 == 0) words(key, stream, index / 4, block);
    float radius = sqrtf(-2.0f * logf(1.0f - unit(block[index % 4])));
    float angle = 6.283185307179586f * unit(block[index % 4 + 1]);
    x[i] = radius * cosf(angle);
    if (i + 1 < count) x[i + 1] = radius * sinf(angle);
  }
}

VECTORIZED void ck_dropout(long count, float rate, uint64_t key, uint64_t stream, const float *x, float *y) {
  float kept = 1.0f / (1.0f - rate);
  uint32_t threshold = (uint32_t)((double)rate * 0x1p32);
  long whole = count / 4;
  for (long i = 0; i < whole; i++) {
    uint32_t block[4];
    words(key, stream, (uint64_t)i, block);
    for (int j = 0; j < 4; j++) y[4 * i + j] = block[j] >= threshold ? x[4 * i + j] * kept : 0.0f;
  }
  if (count % 4 != 0) {
    uint32_t block[4];
    words(key, stream, (uint64_t)whole, block);
    for (long j = 0; j < count % 4; j++) y[4 * whole + j] = block[j] >= threshold ? x[4 * whole + j] * kept : 0.0f;
  }
}
