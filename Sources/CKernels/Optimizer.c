#include "Vectorized.h"

#include <math.h>

// Loshchilov and Hutter 2019, as torch.optim.AdamW computes it:
//   w -= lr decay w;  m += (1 - b1) (g - m);  v = b2 v + (1 - b2) g^2
//   w -= (lr / c1) m / (sqrt(v) / sqrt(c2) + eps)
VECTORIZED void ck_adamw(long count, float learningRate, float firstWeight, float beta2, float secondWeight,
                         float epsilon, float weightDecay, float correction1, float correction2, float gradientScale,
                         const float *gradient, float *first, float *second, float *values) {
  float stepSize = learningRate / correction1, root = sqrtf(correction2), decay = 1.0f - learningRate * weightDecay;
  for (long i = 0; i < count; i++) {
    float g = gradient[i] * gradientScale;
    float m = first[i] + firstWeight * (g - first[i]);
    float v = beta2 * second[i] + secondWeight * g * g;
    first[i] = m;
    second[i] = v;
    values[i] = values[i] * decay - stepSize * (m / (sqrtf(v) / root + epsilon));
  }
}
