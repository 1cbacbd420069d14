// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/anonymous_memory.h"

#include <algorithm>

#include "agent/ground/page_entry.h"

namespace memwhy::agent {
namespace {

bool IsPart(const Mapping& mapping) noexcept {
  return mapping.inode == 0 && !mapping.is_file && mapping.is_readable && mapping.is_writable &&
         !mapping.is_shared && !mapping.is_heap && !mapping.is_stack;
}

// Bytes of the large chunk that begins at the page `at`; 0: none does.
std::uintptr_t ChunkBytes(std::uintptr_t at, std::uintptr_t end) noexcept {
  constexpr std::uintptr_t kIsMapped = 2;
  std::uintptr_t head[2];
  // There may be guard pages.
  if (CopyCarefully(at, head, sizeof(head)) != sizeof(head)) return 0;
  const std::uintptr_t size = head[1] & ~std::uintptr_t{7};
  const bool is_chunk = (head[1] & 7) == kIsMapped && size >= kPageBytes && size % kPageBytes == 0;
  return is_chunk && size <= end - at ? size : 0;
}

}  // namespace

bool AnonymousMemory::Push(const AnonymousPart& part) noexcept {
  return part.begin >= part.end || parts_.Push(part);
}

// Of neighbours a block of glibc's may go over several, with other advice; others end with theirs.
bool AnonymousMemory::LoadRegion(const MemoryMap& map, std::size_t first, std::size_t last,
                                 const ArenaList& arenas) noexcept {
  const std::uintptr_t end = map.at(last).end;
  std::size_t index = first;
  for (std::uintptr_t at = map.at(first).begin; at < end;) {
    while (map.at(index).end <= at) ++index;
    const std::uintptr_t* next = std::lower_bound(arenas.items, arenas.items + arenas.count, at);
    const bool has_next = next != arenas.items + arenas.count;
    if (has_next && *next == at) {
      at += arenas.bytes;
      continue;
    }
    const std::uintptr_t bytes = ChunkBytes(at, end);
    const std::uintptr_t mapping_end = map.at(index).end;
    const std::uintptr_t stop = bytes != 0                        ? at + bytes
                                : has_next && *next < mapping_end ? *next
                                                                  : mapping_end;
    if (!Push({at, stop, bytes != 0 ? AnonymousPart::kChunk : AnonymousPart::kOther})) return false;
    at = stop;
  }
  return true;
}

bool AnonymousMemory::Load(const MemoryMap& map, const ArenaList& arenas) noexcept {
  parts_.Clear();
  for (std::size_t i = 0; i < map.count(); ++i) {
    if (!IsPart(map.at(i))) continue;
    const std::size_t first = i;
    while (i + 1 < map.count() && map.at(i + 1).begin == map.at(i).end && IsPart(map.at(i + 1))) {
      ++i;
    }
    if (!LoadRegion(map, first, i, arenas)) return false;
  }
  return true;
}

}  // namespace memwhy::agent
