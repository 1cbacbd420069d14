// SPDX-License-Identifier: Apache-2.0
#include "counted_memory.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

std::uint64_t live = 0;
std::uint64_t peak = 0;

}  // namespace

namespace memwhy::benchmark {

std::uint64_t LiveBytes() { return live; }
std::uint64_t PeakBytes() { return peak; }
void ResetPeak() { peak = live; }

}  // namespace memwhy::benchmark

void* operator new(std::size_t size) {
  void* block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  live += malloc_usable_size(block);
  peak = std::max(peak, live);
  return block;
}

void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  live -= malloc_usable_size(block);
  std::free(block);
}

void operator delete(void* block, std::size_t) noexcept { operator delete(block); }
