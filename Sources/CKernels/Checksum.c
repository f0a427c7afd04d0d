#include "CKernels.h"

#include <string.h>

enum { laneCount = 8 };

static const uint64_t multiplier = 0x9E3779B97F4A7C15u;

static inline __attribute__((always_inline)) uint64_t mixed(uint64_t state, uint64_t word) {
  uint64_t product = (state ^ word) * multiplier;
  return product << 29 | product >> 35;
}

uint64_t ck_checksum(long count, const void *bytes, uint64_t seed) {
  const uint8_t *x = bytes;
  uint64_t lanes[laneCount], words[laneCount];
  for (int lane = 0; lane < laneCount; lane++) lanes[lane] = seed + (uint64_t)(lane + 1) * multiplier;
  long i = 0;
  // Scalar multiplications: vectors of 64-bit ones are slower, or made of several.
#pragma clang loop vectorize(disable)
  for (; i + (long)sizeof words <= count; i += (long)sizeof words) {
    memcpy(words, x + i, sizeof words);
#pragma clang loop unroll(full)
    for (int lane = 0; lane < laneCount; lane++) lanes[lane] = mixed(lanes[lane], words[lane]);
  }
  if (i < count) {
    memset(words, 0, sizeof words);
    memcpy(words, x + i, (unsigned long)(count - i));
    for (int lane = 0; lane < laneCount; lane++) lanes[lane] = mixed(lanes[lane], words[lane]);
  }
  uint64_t sum = mixed(seed, (uint64_t)count);
  for (int lane = 0; lane < laneCount; lane++) sum = mixed(sum, lanes[lane]);
  sum = (sum ^ sum >> 32) * 0xD6E8FEB86659FD93u;
  sum = (sum ^ sum >> 32) * 0xD6E8FEB86659FD93u;
  return sum ^ sum >> 32;
}
