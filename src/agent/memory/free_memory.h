// SPDX-License-Identifier: Apache-2.0
//
// Memory of this process that its allocators have got back: what lies there are remains, not
// references and not objects. Knows the pools of pymalloc, as the agent saw its arenas, the heaps
// of glibc and its large blocks. What it does not know counts as in use. It knows as well where the
// blocks begin that are in use.
// Runs in a clone; reads only; no malloc.
//
// Sources: CPython Objects/obmalloc.c (struct pool_header, _PyMem_DebugRawAlloc; 3.8 to 3.14);
// glibc malloc/malloc.c.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/raw_list.h"
#include "agent/memory/free_ranges.h"
#include "agent/memory/glibc_heaps.h"
#include "agent/memory/memory_map.h"

namespace memwhy::agent {

class FreeMemory {
 public:
  // False: no memory for the list.
  bool Load(const MemoryMap& map) noexcept;
  bool Contains(std::uintptr_t address) const noexcept { return free_.Contains(address); }
  // Whether an object with `before` bytes in front of it can begin at `address`: in a pool of
  // pymalloc or in glibc's heap a block must begin so many bytes before, or the debug head of one.
  // Elsewhere anything goes.
  bool CanBegin(std::uintptr_t address, std::uintptr_t before) noexcept;
  using Block = AllocatedBlock;
  // The one that `address` lies in, if that is in use: of a pool of pymalloc, of a heap of
  // glibc's, or a mapping of its own.
  Block BlockOf(std::uintptr_t address) noexcept;

 private:
  struct Range {
    std::uintptr_t begin;
    std::uintptr_t end;
  };
  void LoadPools(const MemoryMap& map) noexcept;
  void LoadPool(std::uintptr_t pool, std::uint32_t pool_bytes) noexcept;
  bool LoadMappedChunks(const MemoryMap& map) noexcept;
  bool IsBegin(std::uintptr_t address) noexcept;

  RawList<std::uintptr_t> arenas_;  // by address
  std::uintptr_t arena_bytes_ = 0;
  std::uintptr_t pool_bytes_ = 0;
  GlibcHeaps heaps_;
  FreeRanges free_;
  RawList<Range> mapped_;  // glibc's large chunks, by address
  bool failed_ = false;    // no memory for an arena
};

}  // namespace memwhy::agent
