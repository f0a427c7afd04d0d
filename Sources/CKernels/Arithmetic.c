#include "Vectorized.h"

VECTORIZED void ck_axpy(long count, float a, const float *x, float *y) {
  for (long i = 0; i < count; i++) y[i] += a * x[i];
}

VECTORIZED void ck_scale(long count, float a, float *y) {
  for (long i = 0; i < count; i++) y[i] *= a;
}

VECTORIZED void ck_add(long count, const float *x, float *y) {
  for (long i = 0; i < count; i++) y[i] += x[i];
}

VECTORIZED void ck_sum(long count, const float *x, const float *y, float *z) {
  for (long i = 0; i < count; i++) z[i] = x[i] + y[i];
}

VECTORIZED void ck_fill_rows(long rows, long columns, const float *bias, float *y, long stride) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) y[i * stride + j] = bias[j];
}

VECTORIZED void ck_add_to_rows(long rows, long columns, const float *bias, float *y, long stride) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) y[i * stride + j] += bias[j];
}

VECTORIZED void ck_add_column_sums(long rows, long columns, const float *x, long stride, float *total) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) total[j] += x[i * stride + j];
}

VECTORIZED void ck_add_column_products(long rows, long columns, const float *x, long xStride, const float *y,
                                       long yStride, float *total) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) total[j] += x[i * xStride + j] * y[i * yStride + j];
}

VECTORIZED void ck_scale_columns(long rows, long columns, const float *factor, float *y, long stride) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) y[i * stride + j] *= factor[j];
}

VECTORIZED void ck_scaled_columns(long rows, long columns, const float *factor, const float *x, long xStride,
                                  float *z, long zStride) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) z[i * zStride + j] = x[i * xStride + j] * factor[j];
}

VECTORIZED void ck_add_scaled_columns(long rows, long columns, const float *factor, const float *x, long xStride,
                                      float *z, long zStride) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) z[i * zStride + j] += x[i * xStride + j] * factor[j];
}

VECTORIZED double ck_sum_of_squares(long count, const float *x) {
  REGROUP
  double total = 0;
  for (long i = 0; i < count; i++) total += (double)x[i] * (double)x[i];
  return total;
}

VECTORIZED void ck_add_row_squares(long rows, long columns, const float *x, long stride, float *total) {
  for (long i = 0; i < rows; i++) {
    REGROUP
    float sum = 0;
    for (long j = 0; j < columns; j++) sum += x[i * stride + j] * x[i * stride + j];
    total[i] += sum;
  }
}

VECTORIZED float ck_dot(long count, const float *x, const float *y) {
  REGROUP
  float total = 0;
  for (long i = 0; i < count; i++) total += x[i] * y[i];
  return total;
}

long ck_argmax(long count, const float *x) {
  long best = 0;
  for (long i = 1; i < count; i++)
    if (x[i] > x[best]) best = i;
  return best;
}
