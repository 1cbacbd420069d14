// SPDX-License-Identifier: Apache-2.0
//
// What the private anonymous mappings of this process are made of, beside its heaps and stacks: the
// kernel shows neighbours as one mapping, or one block as two (with other advice). No malloc.
//
// Source: glibc malloc/malloc.c (sysmalloc_mmap: a large chunk is {0, size | IS_MMAPPED, content}).
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/raw_list.h"
#include "agent/memory/memory_map.h"

namespace memwhy::agent {

// pymalloc's, as the agent saw them taken.
struct ArenaList {
  const std::uintptr_t* items = nullptr;  // by address
  std::size_t count = 0;
  std::uintptr_t bytes = 0;  // of each
};

struct AnonymousPart {
  enum Kind : std::uint8_t {
    kChunk,  // a large chunk of glibc's with its head
    kOther   // made by mmap: a heap of a thread, a stack, memory of a library's own
  };
  std::uintptr_t begin;
  std::uintptr_t end;
  Kind kind;
};

// The parts that are no arenas, by address. Heads are read carefully: other threads may run.
class AnonymousMemory {
 public:
  // False: no memory for the list.
  bool Load(const MemoryMap& map, const ArenaList& arenas) noexcept;
  std::size_t count() const { return parts_.count(); }
  const AnonymousPart& at(std::size_t index) const { return parts_[index]; }

 private:
  bool LoadRegion(const MemoryMap& map, std::size_t first, std::size_t last,
                  const ArenaList& arenas) noexcept;
  [[nodiscard]] bool Push(const AnonymousPart& part) noexcept;

  RawList<AnonymousPart> parts_;
};

}  // namespace memwhy::agent
