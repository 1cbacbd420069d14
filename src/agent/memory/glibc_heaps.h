// SPDX-License-Identifier: Apache-2.0
//
// The heaps of glibc's malloc in this process: where the blocks begin that are in use, and what is
// free. Knows the main heap, the heaps of the threads' arenas, and the caches of the threads. A
// heap is known from its first block up to where what stands there makes no sense any more. Runs in
// a clone, where no thread changes a heap; reads only; no malloc.
//
// Source: glibc malloc/malloc.c and malloc/arena.c (chunk headers, heap_info, malloc_state,
// tcache_perthread_struct with safe-linking), 2.32 to 2.43. Of earlier ones the heaps are known,
// but not what the threads' caches have.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/mark_map.h"
#include "agent/ground/raw_list.h"
#include "agent/memory/free_ranges.h"
#include "agent/memory/memory_map.h"

namespace memwhy::agent {

// Memory that an allocator has given out, without its head.
struct AllocatedBlock {
  std::uintptr_t begin = 0;  // 0: none
  std::uintptr_t end = 0;
  // Up to here it was asked for, if in words: allocators round up, and what is behind stays as it
  // was.
  std::uintptr_t sure_end = 0;
};

class GlibcHeaps {
 public:
  // Adds what is free to `free`. False: no memory.
  bool Load(const MemoryMap& map, FreeRanges& free) noexcept;
  // Whether each block around `address` is known.
  bool Covers(std::uintptr_t address) const noexcept { return Find(address) != nullptr; }
  // Whether a block begins there, free or not. `address`: covered.
  bool IsBegin(std::uintptr_t address) noexcept { return chunks_.IsSeen(address); }
  // The one that `address` lies in, free or not; none where no heap is known.
  AllocatedBlock BlockOf(std::uintptr_t address) noexcept;

 private:
  struct Heap {
    std::uintptr_t begin;  // the first chunk
    std::uintptr_t end;    // behind the last one that is known
    std::uintptr_t top;    // the chunk of what was never given out, or came back; 0: not reached
  };

  const Heap* Find(std::uintptr_t address) const noexcept;
  void WalkHeap(std::uintptr_t first, std::uintptr_t end, FreeRanges& free) noexcept;
  void WalkThreadHeaps(const Mapping& mapping, FreeRanges& free) noexcept;
  std::uintptr_t FindMainState(const MemoryMap& map, std::uintptr_t top) const noexcept;
  void AddFastChunks(std::uintptr_t state, FreeRanges& free) noexcept;
  bool IsCache(std::uintptr_t cache) noexcept;
  void AddCache(std::uintptr_t cache, FreeRanges& free) noexcept;
  bool IsChunk(std::uintptr_t block) noexcept { return (block & 15) == 0 && chunks_.IsSeen(block); }

  MarkMap chunks_;                  // where the blocks of chunks begin
  RawList<Heap> heaps_;             // by address
  RawList<std::uintptr_t> states_;  // of arenas, while they are loaded
  RawList<std::uintptr_t> caches_;  // blocks that may be one, while they are loaded
  bool failed_ = false;
};

}  // namespace memwhy::agent
