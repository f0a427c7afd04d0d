#include "Vectorized.h"

VECTORIZED void ck_rotate(long rows, long heads, long width, const int32_t *positions, const float *cosines,
                          const float *sines, float direction, float *x, long stride) {
  long half = width / 2;
  for (long i = 0; i < rows; i++) {
    const float *cosine = cosines + positions[i] * half, *sine = sines + positions[i] * half;
    for (long head = 0; head < heads; head++) {
      float *restrict first = x + i * stride + head * width;
      float *restrict second = first + half;
      for (long j = 0; j < half; j++) {
        float a = first[j], b = second[j], s = direction * sine[j];
        first[j] = a * cosine[j] - b * s;
        second[j] = b * cosine[j] + a * s;
      }
    }
  }
}
