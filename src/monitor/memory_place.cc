// SPDX-License-Identifier: Apache-2.0
#include "monitor/memory_place.h"

#include <unistd.h>

#include <array>

#include "os/pagemap.h"
#include "os/remote_memory.h"

namespace memwhy::monitor {
namespace {

// glibc's malloc/malloc.c: {size of the one before if that is free, size and flags} stand before a
// block; a heap of an arena that is not the main one begins at a multiple of 64 MiB with its arena.
constexpr std::uint64_t kBlockHead = 16;
constexpr std::uint64_t kMarkInUse = 1;
constexpr std::uint64_t kMarkMapped = 2;
constexpr std::uint64_t kMarkNotMain = 4;
constexpr std::uint64_t kMarkBits = 7;
constexpr std::uint64_t kArenaHeapBytes = std::uint64_t{64} << 20;

std::optional<MallocBlock> BlockAt(pid_t pid, std::uint64_t address, Bytes bytes, Bytes page) {
  const auto head = os::ReadRemoteValue<std::array<std::uint64_t, 2>>(pid, address - kBlockHead);
  if (!head) return std::nullopt;
  const std::uint64_t before = (*head)[0];
  const std::uint64_t size = (*head)[1] & ~kMarkBits;
  const std::uint64_t flags = (*head)[1] & kMarkBits;
  if (size % 16 != 0 || size < bytes + 8 || size > bytes + (Bytes{1} << 30)) {
    return std::nullopt;
  }
  MallocBlock block;
  if ((flags & kMarkMapped) != 0) {
    // `before` is what lies between the mapping's begin and the head.
    const std::uint64_t begin = address - kBlockHead - before;
    if (before > address || begin % page != 0 || (before + size) % page != 0) return std::nullopt;
    if (size < kBlockHead + bytes) return std::nullopt;
    block.home = BlockHome::kMapping;
    block.usable = size - kBlockHead;
    return block;
  }
  const auto next = os::ReadRemoteValue<std::uint64_t>(pid, address - kBlockHead + size + 8);
  if (!next || (*next & kMarkInUse) == 0) return std::nullopt;
  block.usable = size - 8;
  if ((flags & kMarkNotMain) == 0) return block;
  const auto arena = os::ReadRemoteValue<std::uint64_t>(pid, address & ~(kArenaHeapBytes - 1));
  if (!arena || *arena % 16 != 0 || *arena == 0) return std::nullopt;
  block.home = BlockHome::kArena;
  block.arena = *arena;
  return block;
}

}  // namespace

Result<MemoryPlace> FindMemoryPlace(pid_t pid, std::uint64_t address, Bytes bytes) {
  MemoryPlace place;
  place.page_size = static_cast<Bytes>(sysconf(_SC_PAGESIZE));
  const std::uint64_t first = address / place.page_size * place.page_size;
  const std::uint64_t end =
      (address + bytes + place.page_size - 1) / place.page_size * place.page_size;
  place.pages = (end - first) / place.page_size;
  MEMWHY_TRY_VOID(os::ReadRemoteValue<std::uint8_t>(pid, address));
  place.block = BlockAt(pid, address, bytes, place.page_size);
  if (!place.block) {
    place.why_no_block =
        "no block of glibc's malloc begins here: another allocator's, or a part of a larger one";
  }
  const auto runs = os::ReadPageRuns(pid, first, end);
  if (!runs) return place;
  place.resident = 0;
  for (const os::PageRun& run : *runs) {
    const std::uint64_t pages = run.size() / place.page_size;
    (run.is_swapped ? place.swapped : *place.resident) += pages;
  }
  return place;
}

}  // namespace memwhy::monitor
