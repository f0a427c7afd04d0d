#include <math.h>

#include "Vectorized.h"

VECTORIZED void ck_pack_experts(long experts, const int32_t *index, long outputs, long rank, const float *b, long step,
                                float *packed) {
  for (long i = 0; i < experts; i++) {
    const float *expert = b + index[i] * step;
    for (long q = 0; q < outputs; q++)
      for (long j = 0; j < rank; j++) packed[(q * experts + i) * rank + j] = expert[q * rank + j];
  }
}

VECTORIZED void ck_add_packed_experts(long experts, const int32_t *index, long outputs, long rank, const float *packed,
                                      float *b, long step) {
  for (long i = 0; i < experts; i++) {
    float *expert = b + index[i] * step;
    for (long q = 0; q < outputs; q++)
      for (long j = 0; j < rank; j++) expert[q * rank + j] += packed[(q * experts + i) * rank + j];
  }
}

VECTORIZED void ck_mix_experts(long rows, long experts, long rank, long block, const float *z, long zStride, long zStep,
                               const float *gates, long gateStride, float *h) {
  for (long row = 0; row < rows; row++) {
    const float *zRow = z + row * zStride, *gateRow = gates + row * gateStride;
    float *hRow = h + row * experts * rank;
    for (long i = 0; i < experts; i++)
      for (long first = 0; first < rank; first += block) {
        float gate = gateRow[first / block * experts + i];
        for (long j = first; j < first + block; j++) hRow[i * rank + j] = gate * zRow[i * zStep + j];
      }
  }
}

VECTORIZED void ck_mix_experts_backward(long rows, long experts, long rank, long block, const float *dh, const float *z,
                                        long zStride, long zStep, const float *gates, long gateStride, float *dz,
                                        long dzStride, float *dGates, long dGateStride) {
  long width = zStep == 0 ? rank : experts * rank;
  for (long row = 0; row < rows; row++) {
    const float *dhRow = dh + row * experts * rank, *zRow = z + row * zStride, *gateRow = gates + row * gateStride;
    float *dzRow = dz + row * dzStride, *dGateRow = dGates + row * dGateStride;
    for (long j = 0; j < width; j++) dzRow[j] = 0;
    for (long i = 0; i < experts; i++)
      for (long first = 0; first < rank; first += block) {
        float gate = gateRow[first / block * experts + i], total = 0;
        for (long j = first; j < first + block; j++) {
          dzRow[i * zStep + j] += gate * dhRow[i * rank + j];
          total += zRow[i * zStep + j] * dhRow[i * rank + j];
        }
        dGateRow[first / block * experts + i] = total;
      }
  }
}

VECTORIZED void ck_softmax_groups(long rows, long groups, long width, float *x, long stride, float *logsumexp) {
  for (long row = 0; row < rows; row++)
    for (long group = 0; group < groups; group++) {
      float *y = x + row * stride + group * width, top = y[0], total = 0;
      for (long i = 1; i < width; i++) top = y[i] > top ? y[i] : top;
      for (long i = 0; i < width; i++) total += y[i] = exponential(y[i] - top);
      for (long i = 0; i < width; i++) y[i] /= total;
      if (logsumexp) logsumexp[row * groups + group] = top + logf(total);
    }
}

VECTORIZED void ck_softmax_groups_backward(long rows, long groups, long width, const float *p, long stride, float *dp,
                                           long dStride) {
  for (long row = 0; row < rows; row++)
    for (long group = 0; group < groups; group++) {
      const float *pRow = p + row * stride + group * width;
      float *dRow = dp + row * dStride + group * width, total = 0;
      for (long i = 0; i < width; i++) total += pRow[i] * dRow[i];
      for (long i = 0; i < width; i++) dRow[i] = pRow[i] * (dRow[i] - total);
    }
}

VECTORIZED void ck_add_scaled_groups(long rows, long groups, long width, float a, const float *factor, const float *p,
                                     long stride, float *y, long yStride) {
  for (long row = 0; row < rows; row++)
    for (long group = 0; group < groups; group++) {
      float scale = a * factor[row * groups + group];
      for (long i = 0; i < width; i++)
        y[row * yStride + group * width + i] += scale * p[row * stride + group * width + i];
    }
}

void ck_count_routing(long rows, long groups, long width, const float *p, long stride, double *chosen, double *shares,
                      double *entropy) {
  for (long row = 0; row < rows; row++)
    for (long group = 0; group < groups; group++) {
      const float *pRow = p + row * stride + group * width;
      chosen[group * width + ck_argmax(width, pRow)] += 1;
      for (long i = 0; i < width; i++) {
        shares[group * width + i] += pRow[i];
        if (entropy && pRow[i] > 0) entropy[group] -= pRow[i] * log(pRow[i]);
      }
    }
}

VECTORIZED void ck_inverse_norms(long outputs, long rank, float scale, const float *squares, const float *aw,
                                 long awStride, const float *b, const float *baa, float *inverse) {
  for (long o = 0; o < outputs; o++) {
    double square = squares[o];
    for (long j = 0; j < rank; j++)
      square += (double)scale * b[o * rank + j] * (2.0 * aw[j * awStride + o] + (double)scale * baa[o * rank + j]);
    inverse[o] = (float)(1 / sqrt(square));
  }
}
