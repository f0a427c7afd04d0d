// What every kernel file shares: one build a processor generation, and an inlined exponential that vectorises.
#ifndef VECTORIZED_H
#define VECTORIZED_H

#include "CKernels.h"

#if defined(__x86_64__)
/// Compiles the function for AVX-512, AVX2 and baseline processors; the loader picks one.
#define VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTORIZED
#endif

/// Lets a reduction's additions be regrouped into vector lanes. First statement of a block.
#define REGROUP _Pragma("clang fp reassociate(on)")

/// e^x to about 1 ulp: x = n ln 2 + r, |r| <= ln 2 / 2, and a polynomial for e^r (Cephes' expf).
static inline __attribute__((always_inline)) float exponential(float x) {
  const float low = -87.3f, high = 88.7f;
  x = x < low ? low : x;
  x = x > high ? high : x;
  float scaled = x * 1.44269504088896341f;
  int n = (int)(scaled + (scaled < 0 ? -0.5f : 0.5f));
  float r = x - (float)n * 0.693359375f;
  r = r + (float)n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  union { int32_t bits; float value; } power = {(n + 127) << 23};
  return p * power.value;
}

/// The largest element, found in sixteen lanes (a plain maximum loop must mind NaN and stays scalar).
static inline __attribute__((always_inline)) float largest(long count, const float *x) {
  float lanes[16];
  for (int lane = 0; lane < 16; lane++) lanes[lane] = x[0];
  long i = 0;
  for (; i + 16 <= count; i += 16)
    for (int lane = 0; lane < 16; lane++) lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
  float top = lanes[0];
  for (int lane = 1; lane < 16; lane++) top = lanes[lane] > top ? lanes[lane] : top;
  for (; i < count; i++) top = x[i] > top ? x[i] : top;
  return top;
}
#endif
