// What a core's multipliers give where no memory is in the way: the measure for products.
#include "Vectorized.h"

/// Chains that do not depend on each other: enough to fill two multipliers of four or five cycles each.
enum { chains = 12 };

/// `rounds` multiply-adds on each of the chains, in vectors of so many bytes, which the compiler would else cut in two.
#define MULTIPLY_ADDS(name, bytes)                                                        \
  VECTORIZED __attribute__((min_vector_width(8 * bytes)))                                 \
  float name(long rounds) {                                                               \
    typedef float Lanes __attribute__((vector_size(bytes)));                              \
    const Lanes factor = (Lanes){0} + 0.999f, addend = (Lanes){0} + 0.001f;               \
    Lanes sums[chains];                                                                   \
    for (int chain = 0; chain < chains; chain++) sums[chain] = (Lanes){0} + (float)chain; \
    for (long round = 0; round < rounds; round++)                                         \
      _Pragma("clang loop unroll(full)") for (int chain = 0; chain < chains; chain++)     \
          sums[chain] = sums[chain] * factor + addend;                                    \
    float total = 0;                                                                      \
    for (int chain = 0; chain < chains; chain++) total += sums[chain][0];                 \
    return total;                                                                         \
  }

MULTIPLY_ADDS(ck_multiply_adds_wide, 64)
MULTIPLY_ADDS(ck_multiply_adds_narrow, 32)
