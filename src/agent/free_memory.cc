// SPDX-License-Identifier: Apache-2.0
#include "agent/free_memory.h"

#include <gnu/libc-version.h>

#include <algorithm>
#include <cstdlib>

#include "agent/agent.h"
#include "cpython/peek.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

constexpr std::uint32_t kPoolOverhead = 48;
constexpr std::uint32_t kSizeClasses = 32;
constexpr std::uint32_t kMostPoolBytes = 1u << 20;
constexpr Address kLeastChunk = 32;  // of glibc: for 1 to 24 bytes

// tcache_perthread_struct: for each bin a number of 16 bits, then for each the first free chunk. It
// is the heap's first chunk; from 2.42 on it comes with the first free, so among the first.
constexpr int kFirstSafeLinking = 32;
constexpr int kFirstLateCache = 42;
constexpr int kMostChunksBeforeCache = 256;

// 2.N; 0: another library.
int LibraryMinor() noexcept {
  const char* version = gnu_get_libc_version();
  if (std::strtol(version, nullptr, 10) != 2) return 0;
  return static_cast<int>(std::strtol(version + 2, nullptr, 10));
}

std::uint32_t CacheBins(int minor) noexcept { return minor >= kFirstLateCache ? 76 : 64; }

// With its head, in steps of 16.
Address CacheChunkBytes(int minor) noexcept { return (CacheBins(minor) * 10 + 8 + 15) & ~15u; }

}  // namespace

void FreeMemory::Add(Address begin, Address end) noexcept {
  if (begin >= end) return;
  if (!GrowRaw(ranges_, count_ + 1)) {
    failed_ = true;
    return;
  }
  ranges_.items[count_++] = {begin, end};
}

// struct pool_header: count 0, freeblock 8, szidx 36, nextoffset 40.
void FreeMemory::LoadPool(Address pool, std::uint32_t pool_bytes) noexcept {
  const auto count = Peek<std::uint32_t>(pool, 0);
  const auto size_class = Peek<std::uint32_t>(pool, 36);
  if (count == 0) {
    Add(pool + kPoolOverhead, pool + pool_bytes);
    return;
  }
  const std::uint32_t block = (size_class + 1) * 16;
  const auto next = Peek<std::uint32_t>(pool, 40);
  if (size_class >= kSizeClasses || next > pool_bytes) return;
  Add(pool + (next < kPoolOverhead ? kPoolOverhead : next), pool + pool_bytes);
  Address free = PeekPointer(pool, 8);
  for (std::uint32_t left = pool_bytes / 16; free != 0 && left > 0; --left) {
    if (free < pool + kPoolOverhead || free + block > pool + pool_bytes) return;
    Add(free, free + block);
    free = PeekPointer(free, 0);
  }
}

void FreeMemory::LoadPools(const MemoryMap& map) noexcept {
  const wire::RingHeader* ring = g_agent.ring;
  if (ring == nullptr || g_agent.arenas == nullptr) return;
  const std::uint32_t pool_bytes = ring->pool_bytes;
  const std::uint32_t arena_bytes = ring->arena_bytes;
  if (pool_bytes < 4096 || pool_bytes > kMostPoolBytes || (pool_bytes & (pool_bytes - 1)) != 0)
    return;
  arena_bytes_ = arena_bytes;
  pool_bytes_ = pool_bytes;
  const std::uint32_t used = ring->arenas_used.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < used && i < ring->arena_capacity; ++i) {
    const Address arena = g_agent.arenas[i];
    if (arena == 0 || !map.IsReadable(arena, arena_bytes)) continue;
    if (GrowRaw(arenas_, arena_count_ + 1)) arenas_.items[arena_count_++] = arena;
    const Address first = (arena + pool_bytes - 1) & ~Address{pool_bytes - 1};
    for (Address pool = first; pool + pool_bytes <= arena + arena_bytes; pool += pool_bytes) {
      LoadPool(pool, pool_bytes);
    }
  }
}

// What the main thread has freed just now looks in use to a walk over the chunks. False: this is
// no cache.
bool FreeMemory::LoadThreadCache(Address cache, std::uint32_t bins, const Mapping& heap) noexcept {
  const auto is_chunk = [&heap](Address entry) {
    return (entry & 15) == 0 && entry >= heap.begin + 16 && entry + 16 <= heap.end;
  };
  for (std::uint32_t bin = 0; bin < bins; ++bin) {
    const Address entry = PeekPointer(cache, 2 * bins + 8 * bin);
    if (entry != 0 && !is_chunk(entry)) return false;
  }
  for (std::uint32_t bin = 0; bin < bins; ++bin) {
    Address entry = PeekPointer(cache, 2 * bins + 8 * bin);
    for (std::uint32_t left = 65536; left > 0 && is_chunk(entry); --left) {
      const Address size = PeekPointer(entry - 8, 0) & ~Address{7};
      if (size < 32 || size > heap.end - entry) break;
      Add(entry, entry + size - 16);
      entry = PeekPointer(entry, 0) ^ (entry >> 12);
    }
  }
  return true;
}

// Small chunks that were freed while the thread's cache was full look in use, too. The lists of
// them lie in malloc_state {.., fastbinsY 16, top 96, last_remainder, bins 112}, in the library's
// data: it is where `top` is.
void FreeMemory::LoadFastChunks(const MemoryMap& map, const Mapping& heap, Address top) noexcept {
  constexpr std::uint32_t kFastLists = 16;
  constexpr std::uint32_t kLists = 10;
  constexpr std::uint32_t kTop = 96;
  constexpr std::uint32_t kBins = 112;
  const Mapping* library = map.Find(reinterpret_cast<Address>(&gnu_get_libc_version));
  if (library == nullptr || library->inode == 0 || LibraryMinor() < kFirstSafeLinking) return;
  const auto is_chunk = [&heap](Address chunk) {
    return (chunk & 15) == 0 && chunk >= heap.begin && chunk + 32 <= heap.end;
  };
  for (std::size_t i = 0; i < map.count(); ++i) {
    const Mapping& data = map.at(i);
    if (data.inode != library->inode || !data.is_writable || !data.is_readable) continue;
    for (Address state = (data.begin + 15) & ~Address{15}; state + kBins + 16 <= data.end;
         state += 16) {
      if (PeekPointer(state, kTop) != top) continue;
      const Address first = PeekPointer(state, kBins);
      if (first != state + kTop && !is_chunk(first)) continue;
      for (std::uint32_t list = 0; list < kLists; ++list) {
        Address chunk = PeekPointer(state, kFastLists + 8 * list);
        for (std::uint32_t left = 1u << 20; left > 0 && chunk != 0 && is_chunk(chunk); --left) {
          const Address size = PeekPointer(chunk, 8) & ~Address{7};
          if (size < 32 || size > 256) break;
          Add(chunk + 16, chunk + size);
          chunk = PeekPointer(chunk, 16) ^ ((chunk + 16) >> 12);
        }
      }
      return;
    }
  }
}

// Chunks from the heap's first to its last: {previous size, size | flags, content}; bit 0 of the
// next one's size tells whether one is in use.
void FreeMemory::LoadHeap(const MemoryMap& map, const Mapping& heap) noexcept {
  constexpr Address kForeign = 6;  // flags of chunks that lie elsewhere
  const int minor = LibraryMinor();
  int cache_left = minor < kFirstSafeLinking ? 0
                   : minor < kFirstLateCache ? 1
                                             : kMostChunksBeforeCache;
  Address chunk = heap.begin;
  heap_begin_ = heap_end_ = chunk;
  while (heap.end - chunk >= 32) {
    const Address head = PeekPointer(chunk, 8);
    const Address size = head & ~Address{7};
    if (size < 32 || (size & 15) != 0 || size > heap.end - chunk || (head & kForeign) != 0) return;
    if (cache_left > 0 && size == CacheChunkBytes(minor) &&
        LoadThreadCache(chunk + 16, CacheBins(minor), heap)) {
      cache_left = 0;
    }
    --cache_left;
    const Address next = chunk + size;
    chunks_.See(chunk + 16);
    heap_end_ = next;
    if (heap.end - next < 32) {
      Add(chunk + 16, next);  // the top: never given out, or got back
      LoadFastChunks(map, heap, chunk);
      return;
    }
    if ((PeekPointer(next, 8) & 1) == 0) Add(chunk + 16, next);
    chunk = next;
  }
}

// A large chunk has a mapping of its own, {0, size | 2, content}, which the kernel shows as one
// with its neighbours: others of these, and pymalloc's arenas.
void FreeMemory::LoadMappedChunks(const MemoryMap& map) noexcept {
  constexpr Address kIsMapped = 2;
  constexpr Address kPage = 4096;
  for (std::size_t i = 0; i < map.count(); ++i) {
    const Mapping& mapping = map.at(i);
    if (mapping.inode != 0 || !mapping.is_readable || !mapping.is_writable || mapping.is_shared ||
        mapping.is_heap || mapping.is_stack) {
      continue;
    }
    Address at = mapping.begin;
    while (at < mapping.end) {
      if (std::binary_search(arenas_.items, arenas_.items + arena_count_, at)) {
        at += arena_bytes_;
        continue;
      }
      Address head[2];
      // There may be guard pages.
      if (CopyCarefully(at, head, sizeof(head)) != sizeof(head)) break;
      const Address size = head[1] & ~Address{7};
      if ((head[1] & 7) != kIsMapped || size < kPage || (size & (kPage - 1)) != 0 ||
          size > mapping.end - at || !GrowRaw(mapped_, mapped_count_ + 1)) {
        break;
      }
      mapped_.items[mapped_count_++] = {at + 16, at + size};
      at += size;
    }
  }
}

bool FreeMemory::Load(const MemoryMap& map) noexcept {
  LoadPools(map);
  for (std::size_t i = 0; i < map.count(); ++i) {
    // Other mappings of that name follow where the kernel had to split it.
    if (map.at(i).is_heap && map.at(i).is_readable) {
      LoadHeap(map, map.at(i));
      break;
    }
  }
  std::sort(arenas_.items, arenas_.items + arena_count_);
  LoadMappedChunks(map);
  std::sort(ranges_.items, ranges_.items + count_,
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  return !failed_ && !chunks_.failed();
}

bool FreeMemory::CanBegin(Address address, Address before) noexcept {
  if (address >= heap_begin_ + 48 && address < heap_end_) return chunks_.IsSeen(address - before);
  const Address* next = std::upper_bound(arenas_.items, arenas_.items + arena_count_, address);
  if (next == arenas_.items || address - next[-1] >= arena_bytes_) return true;
  const Address pool = address & ~(pool_bytes_ - 1);
  if (pool < next[-1] || address < pool + kPoolOverhead) return false;
  const auto size_class = Peek<std::uint32_t>(pool, 36);
  if (size_class >= kSizeClasses) return false;
  return (address - before - pool - kPoolOverhead) % ((size_class + 1) * 16) == 0;
}

FreeMemory::Block FreeMemory::BlockOf(Address address) noexcept {
  Block block;
  if (address >= heap_begin_ && address < heap_end_) {
    const Address begin = chunks_.SeenUpTo(address, address - heap_begin_);
    if (begin == 0) return {};
    // The next chunk's first word belongs to this one.
    const Address size = PeekPointer(begin - 8, 0) & ~Address{7};
    block = {begin, begin + size - 8, size <= kLeastChunk ? begin + 8 : begin + size - 16};
  } else if (const Address* next =
                 std::upper_bound(arenas_.items, arenas_.items + arena_count_, address);
             next != arenas_.items && address - next[-1] < arena_bytes_) {
    const Address pool = address & ~(pool_bytes_ - 1);
    if (pool < next[-1] || address < pool + kPoolOverhead) return {};
    const auto size_class = Peek<std::uint32_t>(pool, 36);
    if (size_class >= kSizeClasses) return {};
    const Address bytes = (size_class + 1) * 16;
    block.begin = address - (address - pool - kPoolOverhead) % bytes;
    block.end = block.begin + bytes;
    block.sure_end = block.end - 8;
  } else {
    const Range* after =
        std::upper_bound(mapped_.items, mapped_.items + mapped_count_, address,
                         [](Address value, const Range& range) { return value < range.begin; });
    if (after == mapped_.items) return {};
    block = {after[-1].begin, after[-1].end, after[-1].end};
  }
  return address < block.end && !Contains(block.begin) ? block : Block{};
}

bool FreeMemory::Contains(Address address) const noexcept {
  const Range* next =
      std::upper_bound(ranges_.items, ranges_.items + count_, address,
                       [](Address value, const Range& range) { return value < range.begin; });
  return next != ranges_.items && address < (next - 1)->end;
}

}  // namespace memwhy::agent
