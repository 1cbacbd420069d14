// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/free_memory.h"

#include <algorithm>

#include "agent/ground/agent.h"
#include "agent/ground/fault_guard.h"
#include "agent/memory/anonymous_memory.h"
#include "agent/memory/live_arenas.h"
#include "cpython/peek.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

constexpr std::uint32_t kPoolOverhead = cpython::kPoolHeaderBytes;
constexpr std::uint32_t kSizeClasses = cpython::kPoolSizeClasses;
constexpr std::uint32_t kMaxPoolBytes = 1u << 20;

// PYTHONMALLOC=debug, python -X dev: {size, big-endian; 'r', 'm' or 'o'; seven times 0xfd} lie
// before what was asked for.
constexpr Address kDebugHeadBytes = 16;

bool IsBehindDebugHead(Address address) noexcept {
  constexpr std::uint64_t kForbidden = 0xfdfdfdfdfdfdfd;
  const auto word = Peek<std::uint64_t>(address - 8, 0);
  const auto domain = static_cast<char>(word & 0xff);
  return word >> 8 == kForbidden && (domain == 'o' || domain == 'm' || domain == 'r');
}

}  // namespace

void FreeMemory::LoadPool(Address pool, std::uint32_t pool_bytes) noexcept {
  const auto count = Peek<std::uint32_t>(pool, cpython::kPoolCount);
  const auto size_class = Peek<std::uint32_t>(pool, cpython::kPoolSizeClass);
  if (count == 0) {
    free_.Add(pool + kPoolOverhead, pool + pool_bytes);
    return;
  }
  const std::uint32_t block = (size_class + 1) * cpython::kPoolAlignment;
  const auto next = Peek<std::uint32_t>(pool, cpython::kPoolNextOffset);
  if (size_class >= kSizeClasses || next > pool_bytes) return;
  free_.Add(pool + (next < kPoolOverhead ? kPoolOverhead : next), pool + pool_bytes);
  Address free = PeekPointer(pool, cpython::kPoolFreeBlock);
  for (std::uint32_t left = pool_bytes / cpython::kPoolAlignment; free != 0 && left > 0; --left) {
    if (free < pool + kPoolOverhead || free + block > pool + pool_bytes) return;
    free_.Add(free, free + block);
    free = PeekPointer(free, 0);
  }
}

void FreeMemory::LoadPools(const MemoryMap& map) noexcept {
  const wire::RingHeader* ring = g_agent.ring;
  if (ring == nullptr) return;
  const std::uint32_t pool_bytes = ring->pool_bytes;
  const std::uint32_t arena_bytes = ring->arena_bytes;
  if (pool_bytes < 4096 || pool_bytes > kMaxPoolBytes || (pool_bytes & (pool_bytes - 1)) != 0)
    return;
  arena_bytes_ = arena_bytes;
  pool_bytes_ = pool_bytes;
  EachLiveArena([&](Address arena) {
    if (!map.IsReadable(arena, arena_bytes)) return;
    if (!arenas_.Push(arena)) failed_ = true;
    const Address first = (arena + pool_bytes - 1) & ~Address{pool_bytes - 1};
    for (Address pool = first; pool + pool_bytes <= arena + arena_bytes; pool += pool_bytes) {
      LoadPool(pool, pool_bytes);
    }
  });
}

bool FreeMemory::LoadMappedChunks(const MemoryMap& map) noexcept {
  AnonymousMemory memory;
  if (!memory.Load(map, {arenas_.begin(), arenas_.count(), arena_bytes_})) return false;
  for (std::size_t i = 0; i < memory.count(); ++i) {
    const AnonymousPart& part = memory.at(i);
    if (part.kind == AnonymousPart::kChunk && !mapped_.Push({part.begin + 16, part.end})) {
      return false;
    }
  }
  return true;
}

bool FreeMemory::Load(const MemoryMap& map) noexcept {
  // What cannot be read to its end is known up to there.
  FaultGuard guard;
  if (MEMWHY_GUARD(guard) == 0) LoadPools(map);
  guard.Disarm();
  std::sort(arenas_.begin(), arenas_.end());
  bool has_memory = true;
  if (MEMWHY_GUARD(guard) == 0) has_memory = heaps_.Load(map, free_);
  guard.Disarm();
  has_memory = LoadMappedChunks(map) && has_memory;
  free_.Sort();
  return has_memory && !failed_ && !free_.failed();
}

bool FreeMemory::IsBegin(Address address) noexcept {
  if (heaps_.Covers(address)) return heaps_.IsBegin(address);
  const Address* next = std::upper_bound(arenas_.begin(), arenas_.end(), address);
  if (next == arenas_.begin() || address - next[-1] >= arena_bytes_) return true;
  const Address pool = address & ~(pool_bytes_ - 1);
  if (pool < next[-1] || address < pool + kPoolOverhead) return false;
  const auto size_class = Peek<std::uint32_t>(pool, cpython::kPoolSizeClass);
  if (size_class >= kSizeClasses) return false;
  return (address - pool - kPoolOverhead) % ((size_class + 1) * cpython::kPoolAlignment) == 0;
}

bool FreeMemory::CanBegin(Address address, Address before) noexcept {
  const Address block = address - before;
  return IsBegin(block) || (IsBegin(block - kDebugHeadBytes) && IsBehindDebugHead(block));
}

FreeMemory::Block FreeMemory::BlockOf(Address address) noexcept {
  Block block = heaps_.BlockOf(address);
  if (block.begin != 0) {
    // Of a heap.
  } else if (const Address* next = std::upper_bound(arenas_.begin(), arenas_.end(), address);
             next != arenas_.begin() && address - next[-1] < arena_bytes_) {
    const Address pool = address & ~(pool_bytes_ - 1);
    if (pool < next[-1] || address < pool + kPoolOverhead) return {};
    const auto size_class = Peek<std::uint32_t>(pool, cpython::kPoolSizeClass);
    if (size_class >= kSizeClasses) return {};
    const Address bytes = (size_class + 1) * cpython::kPoolAlignment;
    block.begin = address - (address - pool - kPoolOverhead) % bytes;
    block.end = block.begin + bytes;
    block.sure_end = block.end - 8;
  } else {
    const Range* after =
        std::upper_bound(mapped_.begin(), mapped_.end(), address,
                         [](Address value, const Range& range) { return value < range.begin; });
    if (after == mapped_.begin()) return {};
    block = {after[-1].begin, after[-1].end, after[-1].end};
  }
  return address < block.end && !Contains(block.begin) ? block : Block{};
}

}  // namespace memwhy::agent
