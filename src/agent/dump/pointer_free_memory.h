// SPDX-License-Identifier: Apache-2.0
//
// Large stretches of memory with nothing in them that could refer to an object: weights, caches,
// buffers. Only where malloc is glibc's, whose blocks begin where we can see it: a block that
// begins like an object, or has one word in a sample that leads to memory, is none. No malloc;
// other threads may run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/raw_list.h"
#include "agent/memory/anonymous_memory.h"
#include "agent/memory/memory_map.h"

namespace memwhy::agent {

struct PlainRange {
  std::uintptr_t begin;  // of pages
  std::uintptr_t end;
  std::uint64_t present_bytes;  // about: by a sample of its pages
  std::uint64_t huge_bytes;     // of them, in transparent huge pages
};

class PointerFreeMemory {
 public:
  PointerFreeMemory() noexcept;
  ~PointerFreeMemory();
  PointerFreeMemory(const PointerFreeMemory&) = delete;
  PointerFreeMemory& operator=(const PointerFreeMemory&) = delete;

  // Those of at least 4 MiB of which half is present, by address, without what forked children do
  // not get anyway (MADV_DONTFORK). None where they cannot be told, or without memory for the
  // lists.
  void Find(const MemoryMap& map) noexcept;
  // Whether a range still is one: what it was may have been freed since. 100 us.
  bool IsStillPlain(const PlainRange& range, const MemoryMap& map) noexcept;
  std::size_t count() const { return ranges_.count(); }
  const PlainRange& at(std::size_t index) const { return ranges_[index]; }
  // Drops all for which keep(range) is false.
  template <typename Keep>
  void Filter(const Keep& keep) noexcept {
    std::size_t kept = 0;
    for (const PlainRange& range : ranges_) {
      if (keep(range)) ranges_[kept++] = range;
    }
    ranges_.Truncate(kept);
  }
  // Whether forked children do not get something of [begin, end); after Find.
  bool IsKeptBack(std::uintptr_t begin, std::uintptr_t end) const noexcept;
  // Of all memory that forked children do not get.
  std::uint64_t kept_back_bytes() const { return kept_back_bytes_; }
  // Whether a page is there, and in memory.
  bool IsPresent(std::uintptr_t page) const noexcept;

 private:
  // Looks at a word of every so many pages, and with_heads at what a block that began with the page
  // would begin with. False: there may be references. Else how many of the pages are present.
  bool Look(std::uintptr_t begin, std::uintptr_t end, std::uintptr_t stride, bool with_heads,
            const MemoryMap& map, std::size_t* present) noexcept;
  bool BeginsPlain(std::uintptr_t at, const MemoryMap& map) noexcept;
  void Judge(const AnonymousPart& part, const MemoryMap& map) noexcept;
  void Push(const PlainRange& range) noexcept;
  void ReadAdvice() noexcept;

  RawList<PlainRange> ranges_;
  RawList<MemoryRange> kept_back_;
  std::uint64_t kept_back_bytes_ = 0;
  int pagemap_ = -1;
  std::uint64_t random_ = 0;
};

}  // namespace memwhy::agent
