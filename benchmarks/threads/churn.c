// SPDX-License-Identifier: Apache-2.0
// What each thread of benchmarks/threads does: takes and gives back blocks by malloc and free, many
// sizes, 64 of them alive at a time. Called through ctypes, so without the GIL, with the Python
// frames of the caller on the stack.
#include <stdint.h>
#include <stdlib.h>

enum { kAlive = 64 };

// Makes 2 * `blocks` events; returns a checksum.
uint64_t churn(uint64_t blocks, uint64_t seed) {
  void *alive[kAlive] = {0};
  uint64_t state = seed * 2 + 1, sum = 0;
  for (uint64_t i = 0; i < blocks; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    uint64_t size = 16 + (state >> 54);
    void **slot = &alive[i % kAlive];
    free(*slot);
    *slot = malloc(size);
    sum += size;
  }
  for (int i = 0; i < kAlive; ++i) free(alive[i]);
  return sum;
}
