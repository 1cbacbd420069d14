// SPDX-License-Identifier: Apache-2.0
//
// Who has the malloc'd memory in which a word lies: the variable of a library or the object from
// which words lead there, over any number of blocks. Without a recording: the allocators' own
// structures say where a block begins and ends. A word is taken for a pointer where it points into
// a block in use. Runs in a clone, behind the walk; no malloc.
#pragma once

#include <cstdint>

#include "agent/ground/fault_guard.h"
#include "agent/ground/raw_list.h"
#include "agent/ground/raw_table.h"
#include "agent/memory/free_memory.h"
#include "agent/memory/memory_map.h"
#include "agent/walk/walked_heap.h"

namespace memwhy::agent {

class NativeHolders {
 public:
  NativeHolders(const MemoryMap& map, FreeMemory& free, WalkedHeap& heap) noexcept
      : map_(map), free_(free), heap_(heap) {}

  // The block of `place` is looked for; before Find. Nothing of words outside of native blocks.
  void Add(std::uintptr_t place) noexcept;
  // Looks from all that can hold a block, until all are found.
  void Find(FaultGuard& guard) noexcept;
  bool failed() const { return failed_ || reached_.failed(); }
  // A word of a library's data or an object's address; 0: nobody is known.
  std::uintptr_t HolderOf(std::uintptr_t place) noexcept;

 private:
  struct Wanted {
    std::uintptr_t begin;  // 0: an empty slot
    std::uintptr_t holder;
    std::uintptr_t key() const { return begin; }
    bool is_used() const { return begin != 0; }
    static std::size_t Hash(std::uintptr_t begin) {
      return static_cast<std::size_t>((begin >> 4) * 0x9e3779b97f4a7c15ull >> 20);
    }
  };

  // A block that something leads to.
  struct Reached {
    std::uintptr_t begin;
    std::uintptr_t holder;
    // Where the link stands that leads to it, in a block of the same size; kNoLink: in another.
    std::uint32_t link;
    bool was_seen;  // looked at, but for what lies behind its sure end
  };
  static constexpr std::uint32_t kNoLink = ~std::uint32_t{0};
  static constexpr std::size_t kMaxReached = 1u << 20;  // the nearest ones; 24 MiB

  void Look(std::uintptr_t word, std::uintptr_t place) noexcept;
  void LookAt(std::uintptr_t begin, std::uintptr_t end) noexcept;
  void LookAtBlock(std::size_t index, bool is_again) noexcept;
  void LookAtReached() noexcept;
  void LookAtLibraries() noexcept;
  void LookAtObjects() noexcept;

  const MemoryMap& map_;
  FreeMemory& free_;
  WalkedHeap& heap_;
  MarkMap reached_;  // blocks, by their begin
  RawTable<Wanted> wanted_;
  std::size_t found_ = 0;
  RawList<Reached> blocks_;       // in the order in which they were reached
  std::size_t next_ = 0;          // before it all were seen
  std::size_t next_again_ = 0;    // before it all were looked at a second time
  RawList<std::uint32_t> lists_;  // of blocks_: next elements of lists, to be seen first
  bool failed_ = false;           // no memory for one of them
  std::uintptr_t holder_ = 0;     // from which is looked
  FreeMemory::Block block_;       // in which is looked; none: in a root
  bool is_strict_ = false;        // only links to where a block begins count
  std::uint32_t link_ = kNoLink;  // of that block
};

}  // namespace memwhy::agent
