// What is needed of oneDNN, the library of matrix products, without depending on it: it is looked for when the program
// runs, and a build without its headers knows that it has none.
//
// Compiles against versions 2 and 3, whose interfaces differ; the library found must have the version compiled against.
#ifndef CONEDNN_H
#define CONEDNN_H

#include <stdbool.h>
#include <stddef.h>

#pragma clang assume_nonnull begin

/// What ``onednn_open`` found.
enum {
  onednn_ready = 0,
  /// The build had no headers.
  onednn_not_built = 1,
  /// There is no such library on this machine.
  onednn_not_installed = 2,
  /// The library is of another version than the headers, lacks functions, or has threads that are neither OpenMP's nor
  /// absent.
  onednn_unfit = 3,
};

/// The instructions that oneDNN uses here, each with those before it.
enum { onednn_baseline = 0, onednn_avx512 = 1, onednn_avx512_bf16 = 2, onednn_amx_bf16 = 3 };

/// Looks for the library; call once, before the other functions, which need `onednn_ready`.
int onednn_open(void);
/// The version compiled against, such as "2.6.3"; "" without headers.
const char *onednn_built_version(void);
/// The version at hand.
const char *onednn_version(void);
/// The name of the library's file that is looked for, such as "libdnnl.so.2".
const char *onednn_file(void);
/// One of the levels above.
int onednn_level(void);
/// Keeps products that the calling thread asks for to itself; once a thread.
void onednn_stay_on_this_thread(void);

/// C = alpha op(A) op(B) + beta C, fp32, row-major; op(A) (rows, inner), op(B) (inner, columns). Whether it was done.
bool onednn_sgemm(bool transposeA, bool transposeB, long rows, long columns, long inner, float alpha, const float *a,
                  long aStride, const float *b, long bStride, float beta, float *c, long cStride);

/// y = x W + b, row-major and end to end: x (rows, inner); W (inner, columns) or, transposed, (columns, inner); y (rows,
/// columns), fp32; b (columns), fp32. x and W are both fp32 or both bf16, summed in fp32.
typedef struct {
  long rows, columns, inner;
  bool isTransposed, isBF16, hasBias;
} onednn_shape;

/// A product of one shape, ready to run; used by one thread at a time.
typedef struct onednn_product onednn_product;

/// NULL when the library has no kernel for the shape whose bits do not depend on where rows and columns are cut.
onednn_product *_Nullable onednn_product_create(const onednn_shape *shape);
void onednn_product_destroy(onednn_product *product);
/// Bytes of working memory that a run needs, on a 64-byte boundary.
size_t onednn_product_scratch(const onednn_product *product);
/// Whether it was done.
bool onednn_product_run(onednn_product *product, const void *x, const void *weights, const float *_Nullable bias,
                        float *y, void *scratch);

#pragma clang assume_nonnull end
#endif
