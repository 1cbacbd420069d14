// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/glibc_heaps.h"

#include <gnu/libc-version.h>

#include <algorithm>
#include <cstdlib>

#include "cpython/peek.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

constexpr Address kHead = 16;      // of a chunk: {size of the free one before, size | flags}
constexpr Address kMinChunk = 32;  // for 1 to 24 bytes
constexpr Address kSizeFlags = 7;
constexpr Address kIsBeforeUsed = 1;  // flag: the chunk before is in use
constexpr Address kIsMapped = 2;      // flag: lies elsewhere

// HEAP_MAX_SIZE, unless glibc.malloc.hugetlb says otherwise; heaps of threads begin at multiples.
constexpr Address kHeapBytes = 64u << 20;
// heap_info {arena, heap before, bytes, ..}; the first heap of an arena goes on with the arena's
// malloc_state.
constexpr std::uint32_t kInfoBefore = 8;
constexpr std::uint32_t kInfoBytes = 16;
constexpr Address kMinInfo = 32;
constexpr Address kMaxInfo = 64;
// malloc_state {.., fast lists 16, top 96, .., bins 112, ..}; from 2.43 on without lists of fast
// chunks.
constexpr std::uint32_t kFastLists = 16;
constexpr std::uint32_t kFastListCount = 10;
constexpr Address kMaxFastChunk = 256;
constexpr std::uint32_t kTop = 96;
constexpr std::uint32_t kBins = 112;
constexpr Address kStateBytes = 2200;
constexpr int kFirstWithoutFast = 43;
constexpr Address kLaterStateBytes = 2112;

// tcache_perthread_struct: for each bin a number of 16 bits, then for each the first free block.
constexpr int kFirstSafeLinking = 32;  // 2.32
constexpr int kFirstLateCache = 42;
constexpr std::uint32_t kMaxCached = 65536;

// 2.N; 0: another library.
int LibraryMinor() noexcept {
  const char* version = gnu_get_libc_version();
  if (std::strtol(version, nullptr, 10) != 2) return 0;
  return static_cast<int>(std::strtol(version + 2, nullptr, 10));
}

bool HasFastLists() noexcept { return LibraryMinor() < kFirstWithoutFast; }

std::uint32_t CacheBins() noexcept { return LibraryMinor() >= kFirstLateCache ? 76 : 64; }

// With its head, in steps of 16.
Address CacheChunkBytes() noexcept { return (CacheBins() * 10 + 8 + 15) & ~15u; }

// Of the chunk whose block begins at `block`.
Address SizeOf(Address block) noexcept { return PeekPointer(block - 8, 0) & ~kSizeFlags; }

// A link in a list of free chunks, which stands at `place`: mixed with its own address.
Address Unmix(Address link, Address place) noexcept { return link ^ (place >> 12); }

}  // namespace

const GlibcHeaps::Heap* GlibcHeaps::Find(Address address) const noexcept {
  const Heap* next =
      std::upper_bound(heaps_.begin(), heaps_.end(), address,
                       [](Address value, const Heap& heap) { return value < heap.begin; });
  return next != heaps_.begin() && address < (next - 1)->end ? next - 1 : nullptr;
}

// Chunks from the first to the top, which ends with the heap. A heap that an arena has filled ends
// with chunks too small to be any.
void GlibcHeaps::WalkHeap(Address first, Address end, FreeRanges& free) noexcept {
  const Address cache_bytes = CacheChunkBytes();
  Heap heap{first, first, 0};
  Address chunk = first;
  while (chunk < end && end - chunk >= kMinChunk) {
    const Address head = PeekPointer(chunk, 8);
    const Address size = head & ~kSizeFlags;
    if (size < kMinChunk || (size & 15) != 0 || size > end - chunk || (head & kIsMapped) != 0) {
      break;
    }
    const Address next = chunk + size;
    chunks_.See(chunk + kHead);
    heap.end = next;
    if (size == cache_bytes && !caches_.Push(chunk + kHead)) failed_ = true;
    if (end - next < kMinChunk) {
      heap.top = chunk;
      free.Add(chunk + kHead, next);
      break;
    }
    if ((PeekPointer(next, 8) & kIsBeforeUsed) == 0) free.Add(chunk + kHead, next);
    chunk = next;
  }
  if (heap.end != heap.begin && !heaps_.Push(heap)) failed_ = true;
}

// The kernel shows neighbours as one mapping: a heap of which all is used and the next one.
void GlibcHeaps::WalkThreadHeaps(const Mapping& mapping, FreeRanges& free) noexcept {
  for (Address info = (mapping.begin + kHeapBytes - 1) & ~(kHeapBytes - 1);
       info < mapping.end && mapping.end - info >= 4096; info += kHeapBytes) {
    const Address arena = PeekPointer(info, 0);
    const Address before = PeekPointer(info, kInfoBefore);
    const Address bytes = PeekPointer(info, kInfoBytes);
    const Address info_bytes = arena & (kHeapBytes - 1);
    const bool is_first = arena - info_bytes == info;
    if (info_bytes < kMinInfo || info_bytes > kMaxInfo || (info_bytes & 15) != 0 ||
        (before == 0) != is_first || (before & (kHeapBytes - 1)) != 0 || bytes < 4096 ||
        bytes > std::min(kHeapBytes, mapping.end - info)) {
      continue;
    }
    const Address state_bytes = HasFastLists() ? kStateBytes : kLaterStateBytes;
    const Address used = info_bytes + (is_first ? state_bytes : 0);
    WalkHeap(info + ((used + 15) & ~Address{15}), info + bytes, free);
    if (is_first && HasFastLists() && !states_.Push(arena)) failed_ = true;
  }
}

// The main arena's lies in the library's data: it is where `top` is.
Address GlibcHeaps::FindMainState(const MemoryMap& map, Address top) const noexcept {
  const Mapping* library = map.Find(reinterpret_cast<Address>(&gnu_get_libc_version));
  if (top == 0 || library == nullptr || library->inode == 0) return 0;
  for (std::size_t i = 0; i < map.count(); ++i) {
    const Mapping& data = map.at(i);
    if (data.inode != library->inode || !data.is_writable || !data.is_readable) continue;
    for (Address state = (data.begin + 15) & ~Address{15}; state + kBins + 16 <= data.end;
         state += 16) {
      if (PeekPointer(state, kTop) != top) continue;
      const Address first = PeekPointer(state, kBins);
      if (first == state + kTop || ((first & 15) == 0 && Covers(first))) return state;
    }
  }
  return 0;
}

// Small chunks that were freed while the thread's cache was full look in use.
void GlibcHeaps::AddFastChunks(Address state, FreeRanges& free) noexcept {
  for (std::uint32_t list = 0; list < kFastListCount; ++list) {
    Address chunk = PeekPointer(state, kFastLists + 8 * list);
    for (std::uint32_t left = 1u << 20; left > 0 && IsChunk(chunk + kHead); --left) {
      const Address size = SizeOf(chunk + kHead);
      if (size > kMaxFastChunk) break;
      free.Add(chunk + kHead, chunk + size);
      chunk = Unmix(PeekPointer(chunk, kHead), chunk + kHead);
    }
  }
}

bool GlibcHeaps::IsCache(Address cache) noexcept {
  const std::uint32_t bins = CacheBins();
  bool has_any = false;
  for (std::uint32_t bin = 0; bin < bins; ++bin) {
    const Address block = PeekPointer(cache, 2 * bins + 8 * bin);
    if (block != 0 && !IsChunk(block)) return false;
    has_any |= block != 0;
    const bool has_number = Peek<std::uint16_t>(cache, 2 * bin) != 0;
    // Later it is the number of places left.
    if (LibraryMinor() < kFirstLateCache && has_number != (block != 0)) return false;
  }
  return has_any;
}

// What a thread has freed just now looks in use, too; it may lie in any heap.
void GlibcHeaps::AddCache(Address cache, FreeRanges& free) noexcept {
  const std::uint32_t bins = CacheBins();
  for (std::uint32_t bin = 0; bin < bins; ++bin) {
    Address block = PeekPointer(cache, 2 * bins + 8 * bin);
    for (std::uint32_t left = kMaxCached; left > 0 && IsChunk(block); --left) {
      free.Add(block, block + SizeOf(block) - kHead);
      block = Unmix(PeekPointer(block, 0), block);
    }
  }
}

bool GlibcHeaps::Load(const MemoryMap& map, FreeRanges& free) noexcept {
  bool has_main = false;
  for (std::size_t i = 0; i < map.count() && !failed_; ++i) {
    const Mapping& mapping = map.at(i);
    if (!mapping.is_readable || !mapping.is_writable || mapping.is_shared || mapping.inode != 0) {
      continue;
    }
    if (!mapping.is_heap) {
      WalkThreadHeaps(mapping, free);
    } else if (!has_main) {
      // Other mappings of that name follow where the kernel had to split it.
      has_main = true;
      const std::size_t before = heaps_.count();
      WalkHeap(mapping.begin, mapping.end, free);
      if (heaps_.count() == before || !HasFastLists()) continue;
      const Address state = FindMainState(map, heaps_[before].top);
      if (state != 0 && !states_.Push(state)) failed_ = true;
    }
  }
  // Their lists lead from one heap to others.
  if (LibraryMinor() >= kFirstSafeLinking) {
    for (const Address state : states_) AddFastChunks(state, free);
    for (const Address cache : caches_) {
      if (IsCache(cache)) AddCache(cache, free);
    }
  }
  states_.Release();
  caches_.Release();
  return !failed_ && !chunks_.failed();
}

AllocatedBlock GlibcHeaps::BlockOf(Address address) noexcept {
  const Heap* heap = Find(address);
  if (heap == nullptr) return {};
  const Address begin = chunks_.SeenUpTo(address, address - heap->begin);
  if (begin == 0) return {};
  // The next chunk's first word belongs to this one.
  const Address size = SizeOf(begin);
  return {begin, begin + size - 8, size <= kMinChunk ? begin + 8 : begin + size - 16};
}

}  // namespace memwhy::agent
