#include "CKernels.h"

#include <string.h>

enum { laneCount = 8 };

static const uint64_t multiplier = 0x9E3779B185EBCA87u, wordMultiplier = 0xC2B2AE3D27D4EB4Fu;

/// A round of xxHash64 (Collet). Words are multiplied on their way in: with one multiplication a bit here and another in
/// the lane's next word could cancel each other.
static inline __attribute__((always_inline)) uint64_t mixed(uint64_t state, uint64_t word) {
  uint64_t sum = state + word * wordMultiplier;
  return (sum << 31 | sum >> 33) * multiplier;
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
