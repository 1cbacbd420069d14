// SPDX-License-Identifier: Apache-2.0
//
// Who has the malloc'd memory in which a word lies: the variable of a library or the object from
// which words lead there, over any number of blocks. Without a recording: the allocators' own
// structures say where a block begins and ends. A word is taken for a pointer where it points into
// a block in use. Runs in a clone, behind the walk; no malloc.
#pragma once

#include <cstdint>

#include "agent/dump_walk.h"
#include "agent/fault_guard.h"
#include "agent/free_memory.h"
#include "agent/memory_map.h"
#include "agent/raw_memory.h"

namespace memwhy::agent {

class NativeHolders {
 public:
  NativeHolders(const MemoryMap& map, FreeMemory& free, DumpWalk& walk) noexcept
      : map_(map), free_(free), walk_(walk) {}
  ~NativeHolders();

  // The block of `place` is looked for; before Find. Nothing of words outside of native blocks.
  void Add(std::uintptr_t place) noexcept;
  // Looks from all that can hold a block, until all are found.
  void Find(FaultGuard& guard) noexcept;
  // A word of a library's data or an object's address; 0: nobody is known.
  std::uintptr_t HolderOf(std::uintptr_t place) noexcept;

 private:
  struct Wanted {
    std::uintptr_t begin;  // 0: an empty slot
    std::uintptr_t holder;
  };

  Wanted* Slot(std::uintptr_t begin) noexcept;
  // A block that something leads to.
  struct Reached {
    std::uintptr_t begin;
    std::uintptr_t holder;
  };

  void Look(std::uintptr_t word) noexcept;
  void LookAt(std::uintptr_t begin, std::uintptr_t end) noexcept;
  void LookAtReached() noexcept;
  void LookAtLibraries() noexcept;
  void LookAtObjects() noexcept;

  const MemoryMap& map_;
  FreeMemory& free_;
  DumpWalk& walk_;
  MarkMap reached_;         // blocks, by their begin
  RawArray<Wanted> table_;  // open addressing, a power of two
  std::size_t wanted_ = 0;
  std::size_t found_ = 0;
  RawArray<Reached> here_;  // reached in as many steps as any other here
  std::size_t here_count_ = 0;
  std::size_t here_next_ = 0;  // not looked at yet
  RawArray<Reached> farther_;  // in one step more
  std::size_t farther_count_ = 0;
  std::uintptr_t holder_ = 0;  // from which is looked
};

}  // namespace memwhy::agent
