#include "COneDNN.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(x) #x
#define NUMBER(x) TEXT(x)
#define LIBRARY "libdnnl.so." NUMBER(DNNL_VERSION_MAJOR)

#if DNNL_VERSION_MAJOR < 3
#define VERSIONED_FUNCTIONS(each) \
  each(dnnl_memory_desc_init_by_strides) each(dnnl_matmul_desc_init) each(dnnl_primitive_desc_create)
#else
#define VERSIONED_FUNCTIONS(each) \
  each(dnnl_memory_desc_create_with_strides) each(dnnl_matmul_primitive_desc_create) each(dnnl_memory_desc_destroy)
#endif
typedef dnnl_memory_desc_t Description;

#define FUNCTIONS(each)                                                                                             \
  VERSIONED_FUNCTIONS(each)                                                                                         \
  each(dnnl_version) each(dnnl_get_effective_cpu_isa) each(dnnl_engine_create) each(dnnl_stream_create)             \
      each(dnnl_stream_destroy) each(dnnl_primitive_attr_create) each(dnnl_primitive_attr_destroy)                  \
          each(dnnl_primitive_attr_set_scratchpad_mode) each(dnnl_primitive_desc_query)                             \
              each(dnnl_primitive_desc_query_md) each(dnnl_primitive_desc_destroy)                                  \
                  each(dnnl_memory_desc_get_size) each(dnnl_primitive_create)                                       \
                  each(dnnl_primitive_destroy) each(dnnl_memory_create) each(dnnl_memory_destroy)                   \
                      each(dnnl_memory_set_data_handle) each(dnnl_primitive_execute) each(dnnl_sgemm)

/// The library's functions, found when it is opened.
static struct {
#define DECLARE(name) __typeof__(name) *name;
  FUNCTIONS(DECLARE)
#undef DECLARE
  void (*setThreadCount)(int);
  dnnl_engine_t engine;
  char version[32];
} library;

const char *onednn_built_version(void) {
  return NUMBER(DNNL_VERSION_MAJOR) "." NUMBER(DNNL_VERSION_MINOR) "." NUMBER(DNNL_VERSION_PATCH);
}

const char *onednn_file(void) { return LIBRARY; }

const char *onednn_version(void) { return library.version; }

int onednn_open(void) {
  void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return onednn_not_installed;
#define FIND(name) \
  if (!(library.name = (__typeof__(library.name))dlsym(handle, #name))) return onednn_unfit;
  FUNCTIONS(FIND)
#undef FIND
  const dnnl_version_t *version = library.dnnl_version();
  snprintf(library.version, sizeof library.version, "%d.%d.%d", version->major, version->minor, version->patch);
  if (version->major != DNNL_VERSION_MAJOR) return onednn_unfit;
  // A library that runs its loops in another way cannot be kept to one thread.
  library.setThreadCount = (void (*)(int))dlsym(handle, "omp_set_num_threads");
  bool usesOpenMP = version->cpu_runtime == DNNL_RUNTIME_OMP && library.setThreadCount;
  if (!usesOpenMP && version->cpu_runtime != DNNL_RUNTIME_SEQ) return onednn_unfit;
  return library.dnnl_engine_create(&library.engine, dnnl_cpu, 0) == dnnl_success ? onednn_ready : onednn_unfit;
}

int onednn_level(void) {
  unsigned isa = (unsigned)library.dnnl_get_effective_cpu_isa();
  if ((isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx) return onednn_amx_bf16;
  if ((isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16) return onednn_avx512_bf16;
  return (isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core ? onednn_avx512 : onednn_baseline;
}

void onednn_stay_on_this_thread(void) {
  if (library.setThreadCount) library.setThreadCount(1);
}

bool onednn_sgemm(bool transposeA, bool transposeB, long rows, long columns, long inner, float alpha, const float *a,
                  long aStride, const float *b, long bStride, float beta, float *c, long cStride) {
  return library.dnnl_sgemm(transposeA ? 'T' : 'N', transposeB ? 'T' : 'N', rows, columns, inner, alpha, a, aStride, b,
                            bStride, beta, c, cStride) == dnnl_success;
}

// MARK: Products of one shape

enum { xMemory, weightMemory, yMemory, biasMemory, scratchMemory, memoryCount };

struct onednn_product {
  dnnl_primitive_t primitive;
  dnnl_stream_t stream;
  dnnl_memory_t memories[memoryCount];
  size_t scratch;
};

static bool describe(Description *description, long rows, long columns, long rowStride, long columnStride,
                     dnnl_data_type_t type) {
  dnnl_dims_t dimensions = {rows, columns}, strides = {rowStride, columnStride};
#if DNNL_VERSION_MAJOR < 3
  return library.dnnl_memory_desc_init_by_strides(description, 2, dimensions, type, strides) == dnnl_success;
#else
  return library.dnnl_memory_desc_create_with_strides(description, 2, dimensions, type, strides) == dnnl_success;
#endif
}

/// The plan of x W + b, from the descriptions of x, W, y and b.
static bool plan(Description *parts, bool hasBias, const_dnnl_primitive_attr_t attributes,
                 dnnl_primitive_desc_t *result) {
#if DNNL_VERSION_MAJOR < 3
  dnnl_matmul_desc_t operation;
  return library.dnnl_matmul_desc_init(&operation, &parts[xMemory], &parts[weightMemory],
                                       hasBias ? &parts[biasMemory] : NULL, &parts[yMemory]) == dnnl_success &&
         library.dnnl_primitive_desc_create(result, &operation, attributes, library.engine, NULL) == dnnl_success;
#else
  return library.dnnl_matmul_primitive_desc_create(result, library.engine, parts[xMemory], parts[weightMemory],
                                                   hasBias ? parts[biasMemory] : NULL, parts[yMemory],
                                                   attributes) == dnnl_success;
#endif
}

static bool makeMemory(dnnl_memory_t *memory, const Description *description) {
#if DNNL_VERSION_MAJOR < 3
  return library.dnnl_memory_create(memory, description, library.engine, DNNL_MEMORY_NONE) == dnnl_success;
#else
  return library.dnnl_memory_create(memory, *description, library.engine, DNNL_MEMORY_NONE) == dnnl_success;
#endif
}

/// Whether a plan is one of the batch-reduced kernels ("brg"), whose rows and columns do not depend on what is computed
/// beside them.
static bool isCuttable(const_dnnl_primitive_desc_t description) {
  const char *name = NULL;
  return library.dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name) == dnnl_success && name &&
         strncmp(name, "brg", 3) == 0;
}

/// Makes the product's memories and its primitive.
static bool build(onednn_product *product, Description *parts, bool hasBias, dnnl_primitive_attr_t attributes) {
  dnnl_primitive_desc_t description;
  if (!plan(parts, hasBias, attributes, &description)) return false;
  bool isBuilt = isCuttable(description) && library.dnnl_stream_create(&product->stream, library.engine,
                                                                       dnnl_stream_default_flags) == dnnl_success;
  for (int part = xMemory; part <= yMemory; part++)
    isBuilt = isBuilt && makeMemory(&product->memories[part], &parts[part]);
  if (hasBias) isBuilt = isBuilt && makeMemory(&product->memories[biasMemory], &parts[biasMemory]);
#if DNNL_VERSION_MAJOR < 3
  const dnnl_memory_desc_t *scratch = library.dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  isBuilt = isBuilt && makeMemory(&product->memories[scratchMemory], scratch);
#else
  const_dnnl_memory_desc_t scratch = library.dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  isBuilt = isBuilt && library.dnnl_memory_create(&product->memories[scratchMemory], scratch, library.engine,
                                                  DNNL_MEMORY_NONE) == dnnl_success;
#endif
  product->scratch = library.dnnl_memory_desc_get_size(scratch);
  isBuilt = isBuilt && library.dnnl_primitive_create(&product->primitive, description) == dnnl_success;
  library.dnnl_primitive_desc_destroy(description);
  return isBuilt;
}

onednn_product *onednn_product_create(const onednn_shape *shape) {
  onednn_product *product = calloc(1, sizeof *product);
  dnnl_primitive_attr_t attributes = NULL;
  Description parts[biasMemory + 1] = {0};
  dnnl_data_type_t type = shape->isBF16 ? dnnl_bf16 : dnnl_f32;
  bool isBuilt =
      product && library.dnnl_primitive_attr_create(&attributes) == dnnl_success &&
      library.dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user) == dnnl_success &&
      describe(&parts[xMemory], shape->rows, shape->inner, shape->inner, 1, type) &&
      describe(&parts[weightMemory], shape->inner, shape->columns, shape->isTransposed ? 1 : shape->columns,
               shape->isTransposed ? shape->inner : 1, type) &&
      describe(&parts[yMemory], shape->rows, shape->columns, shape->columns, 1, dnnl_f32) &&
      (!shape->hasBias || describe(&parts[biasMemory], 1, shape->columns, shape->columns, 1, dnnl_f32)) &&
      build(product, parts, shape->hasBias, attributes);
#if DNNL_VERSION_MAJOR >= 3
  for (int part = xMemory; part <= biasMemory; part++)
    if (parts[part]) library.dnnl_memory_desc_destroy(parts[part]);
#endif
  if (attributes) library.dnnl_primitive_attr_destroy(attributes);
  if (isBuilt) return product;
  if (product) onednn_product_destroy(product);
  return NULL;
}

void onednn_product_destroy(onednn_product *product) {
  if (product->primitive) library.dnnl_primitive_destroy(product->primitive);
  for (int part = 0; part < memoryCount; part++)
    if (product->memories[part]) library.dnnl_memory_destroy(product->memories[part]);
  if (product->stream) library.dnnl_stream_destroy(product->stream);
  free(product);
}

size_t onednn_product_scratch(const onednn_product *product) { return product->scratch; }

bool onednn_product_run(onednn_product *product, const void *x, const void *weights, const float *bias, float *y,
                        void *scratch) {
  void *addresses[memoryCount] = {(void *)x, (void *)weights, y, (void *)bias, scratch};
  static const int names[memoryCount] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS,
                                         DNNL_ARG_SCRATCHPAD};
  dnnl_exec_arg_t arguments[memoryCount];
  int count = 0;
  for (int part = 0; part < memoryCount; part++) {
    if (!product->memories[part]) continue;
    if (library.dnnl_memory_set_data_handle(product->memories[part], addresses[part]) != dnnl_success) return false;
    arguments[count++] = (dnnl_exec_arg_t){names[part], product->memories[part]};
  }
  return library.dnnl_primitive_execute(product->primitive, product->stream, count, arguments) == dnnl_success;
}

#else

int onednn_open(void) { return onednn_not_built; }
const char *onednn_built_version(void) { return ""; }
const char *onednn_version(void) { return ""; }
const char *onednn_file(void) { return "libdnnl"; }
int onednn_level(void) { return onednn_baseline; }
void onednn_stay_on_this_thread(void) {}

bool onednn_sgemm(bool transposeA, bool transposeB, long rows, long columns, long inner, float alpha, const float *a,
                  long aStride, const float *b, long bStride, float beta, float *c, long cStride) {
  return false;
}

onednn_product *onednn_product_create(const onednn_shape *shape) { return NULL; }
void onednn_product_destroy(onednn_product *product) {}
size_t onednn_product_scratch(const onednn_product *product) { return 0; }

bool onednn_product_run(onednn_product *product, const void *x, const void *weights, const float *bias, float *y,
                        void *scratch) {
  return false;
}

#endif
