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

/// tanh x to a few ulp: a rational function on [-7.9, 7.9], where fp32 cannot tell the ends from ±1 (Eigen's ptanh).
static inline __attribute__((always_inline)) float hyperbolicTangent(float x) {
  const float limit = 7.90531110763549805f;
  float v = x < -limit ? -limit : x;
  v = v > limit ? limit : v;
  float square = v * v;
  float p = -2.76076847742355e-16f;
  p = p * square + 2.00018790482477e-13f;
  p = p * square - 8.60467152213735e-11f;
  p = p * square + 5.12229709037114e-08f;
  p = p * square + 1.48572235717979e-05f;
  p = p * square + 6.37261928875436e-04f;
  p = p * square + 4.89352455891786e-03f;
  float q = 1.19825839466702e-06f;
  q = q * square + 1.18534705686654e-04f;
  q = q * square + 2.26843463243900e-03f;
  q = q * square + 4.89352518554385e-03f;
  return v * p / q;
}

/// erf x to a few ulp: a rational function on [-4, 4], where fp32 cannot tell the ends from ±1 (Eigen's erf).
static inline __attribute__((always_inline)) float errorFunction(float x) {
  float v = x < -4.0f ? -4.0f : x;
  v = v > 4.0f ? 4.0f : v;
  float square = v * v;
  float p = -2.72614225801306e-10f;
  p = p * square + 2.77068142495902e-08f;
  p = p * square - 2.10102402082508e-06f;
  p = p * square - 5.69250639462346e-05f;
  p = p * square - 7.34990630326855e-04f;
  p = p * square - 2.95459980854025e-03f;
  p = p * square - 1.60960333262415e-02f;
  float q = -1.45660718464996e-05f;
  q = q * square - 2.13374055278905e-04f;
  q = q * square - 1.68282697438203e-03f;
  q = q * square - 7.37332916720468e-03f;
  q = q * square - 1.42647390514189e-02f;
  return v * p / q;
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
