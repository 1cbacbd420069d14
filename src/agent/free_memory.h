// SPDX-License-Identifier: Apache-2.0
//
// Memory of this process that its allocators have got back: what lies there are remains, not
// references and not objects. Knows the pools of pymalloc, as the agent saw its arenas, and the
// main heap of glibc with its main thread's cache. What it does not know counts as in use. It knows
// as well where the blocks begin that are in use.
// Runs in a clone; reads only; no malloc.
//
// Sources: CPython Objects/obmalloc.c (struct pool_header, 3.8 to 3.14); glibc malloc/malloc.c
// (chunk headers, tcache_perthread_struct with safe-linking, 2.32 to 2.43).
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/mark_map.h"
#include "agent/memory_map.h"
#include "agent/raw_memory.h"

namespace memwhy::agent {

class FreeMemory {
 public:
  ~FreeMemory() {
    FreeRaw(arenas_);
    FreeRaw(ranges_);
    FreeRaw(mapped_);
  }
  // False: no memory for the list.
  bool Load(const MemoryMap& map) noexcept;
  bool Contains(std::uintptr_t address) const noexcept;
  // Whether an object with `before` bytes in front of it can begin at `address`: in a pool of
  // pymalloc or in glibc's heap a block must begin so many bytes before. Elsewhere anything goes.
  bool CanBegin(std::uintptr_t address, std::uintptr_t before) noexcept;
  // A block that is in use, without its allocator's head.
  struct Block {
    std::uintptr_t begin = 0;  // 0: none
    std::uintptr_t end = 0;
    // Up to here it was asked for, if in words: allocators round up, and what is behind stays as it
    // was.
    std::uintptr_t sure_end = 0;
  };
  // The one that `address` lies in: of a pool of pymalloc, of glibc's heap, or a mapping of its
  // own.
  Block BlockOf(std::uintptr_t address) noexcept;
  std::size_t ranges() const { return count_; }

 private:
  struct Range {
    std::uintptr_t begin;
    std::uintptr_t end;
  };
  void Add(std::uintptr_t begin, std::uintptr_t end) noexcept;
  void LoadPools(const MemoryMap& map) noexcept;
  void LoadPool(std::uintptr_t pool, std::uint32_t pool_bytes) noexcept;
  void LoadHeap(const MemoryMap& map, const Mapping& heap) noexcept;
  void LoadMappedChunks(const MemoryMap& map) noexcept;
  void LoadFastChunks(const MemoryMap& map, const Mapping& heap, std::uintptr_t top) noexcept;
  bool LoadThreadCache(std::uintptr_t cache, std::uint32_t bins, const Mapping& heap) noexcept;

  RawArray<std::uintptr_t> arenas_;  // by address
  std::size_t arena_count_ = 0;
  std::uintptr_t arena_bytes_ = 0;
  std::uintptr_t pool_bytes_ = 0;
  MarkMap chunks_;  // where glibc's chunks begin, from heap_begin_ to heap_end_
  std::uintptr_t heap_begin_ = 0;
  std::uintptr_t heap_end_ = 0;
  RawArray<Range> ranges_;
  std::size_t count_ = 0;
  RawArray<Range> mapped_;  // glibc's large chunks, by address
  std::size_t mapped_count_ = 0;
  bool failed_ = false;
};

}  // namespace memwhy::agent
