// SPDX-License-Identifier: Apache-2.0
#include "monitor/malloc_walk.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace memwhy::monitor {
namespace {

constexpr std::uint64_t kHeapBegin = 0x10000000;
constexpr std::uint64_t kPageSize = 4096;

// A heap that a test fills chunk by chunk.
class FakeHeap {
 public:
  explicit FakeHeap(std::size_t bytes) : memory_(bytes), resident_{{kHeapBegin, end()}} {}

  std::uint64_t end() const { return kHeapBegin + memory_.size(); }
  // Returns the chunk's address.
  std::uint64_t Chunk(std::uint64_t size, bool is_free) {
    const std::uint64_t chunk = at_;
    Put(chunk + 8, size | (was_free_ ? 0 : 1));
    was_free_ = is_free;
    at_ += size;
    return chunk;
  }
  void Skip(std::uint64_t bytes) { at_ += bytes; }
  std::uint64_t Top() { return Chunk(end() - at_, false); }
  void Put(std::uint64_t address, std::uint64_t value) {
    std::memcpy(memory_.data() + (address - kHeapBegin), &value, sizeof value);
  }
  void Put16(std::uint64_t address, std::uint16_t value) {
    std::memcpy(memory_.data() + (address - kHeapBegin), &value, sizeof value);
  }
  void SetResident(std::vector<model::Range> resident) { resident_ = std::move(resident); }

  MallocUse Walk(bool is_main = true, std::uint64_t may_read = UINT64_MAX) {
    const model::ClaimList heaps = {{kHeapBegin, end(), model::ClaimKind::kMallocHeap, true, 0}};
    const ReadMemory read = [&](std::uint64_t address, std::span<std::byte> into) {
      if (address < kHeapBegin || address + into.size() > end()) return false;
      std::memcpy(into.data(), memory_.data() + (address - kHeapBegin), into.size());
      return true;
    };
    return WalkMallocHeaps(heaps, is_main ? kHeapBegin : 0, model::Residency(resident_), read,
                           [&] { return may_read > 0 && may_read-- > 0; });
  }

 private:
  std::vector<char> memory_;
  std::vector<model::Range> resident_;
  std::uint64_t at_ = kHeapBegin;
  bool was_free_ = false;
};

TEST(MallocWalkTest, TellsInUseFreeAndTopApart) {
  FakeHeap heap(64 * kPageSize);
  heap.Chunk(0x1000, false);
  heap.Chunk(0x4000, true);
  heap.Chunk(0x20, false);
  heap.Chunk(0x40, true);
  heap.Chunk(0x2000, false);
  heap.Top();
  const MallocUse use = heap.Walk();
  EXPECT_EQ(use.in_use, 0x3020u);
  EXPECT_EQ(use.free_chunks, 0x4040u);
  EXPECT_EQ(use.free_count, 2u);
  EXPECT_EQ(use.top, 64 * kPageSize - 0x7060);
  EXPECT_EQ(use.unwalked, 0u);
  EXPECT_EQ(use.total(), 64 * kPageSize);
  // Of the large free chunk three whole pages, and the whole pages of the top.
  EXPECT_EQ(use.trimmable, 3 * kPageSize + (64 - 8) * kPageSize);
}

TEST(MallocWalkTest, OnlyTheMainHeapsTopIsTrimmed) {
  FakeHeap heap(64 * kPageSize);
  // heap_info and malloc_state.
  heap.Skip(0x8d0);
  heap.Chunk(0x1000, false);
  heap.Chunk(0x4000, true);
  heap.Chunk(0x20, false);
  heap.Top();
  const MallocUse use = heap.Walk(false);
  EXPECT_EQ(use.free_chunks, 0x4000u);
  EXPECT_EQ(use.trimmable, 3 * kPageSize);
  EXPECT_EQ(use.total(), 64 * kPageSize);
}

TEST(MallocWalkTest, PagesThatAreGoneCountForNothing) {
  FakeHeap heap(64 * kPageSize);
  heap.Chunk(0x1000, false);
  heap.Chunk(0x8000, true);
  heap.Chunk(0x1000, false);
  heap.Top();
  // Pages 2 to 8 of the free chunk were given back before, and all of the top but its head.
  heap.SetResident({{kHeapBegin, kHeapBegin + 2 * kPageSize},
                    {kHeapBegin + 8 * kPageSize, kHeapBegin + 11 * kPageSize}});
  const MallocUse use = heap.Walk();
  EXPECT_EQ(use.total(), 5 * kPageSize);
  EXPECT_EQ(use.free_chunks, 2 * kPageSize);
  EXPECT_EQ(use.trimmable, kPageSize);
}

TEST(MallocWalkTest, AThreadsCacheIsNotInUse) {
  FakeHeap heap(16 * kPageSize);
  const std::uint64_t cache = heap.Chunk(0x290, false) + 16;
  const std::uint64_t cached = heap.Chunk(0x40, false);
  heap.Chunk(0x40, false);
  heap.Top();
  const std::size_t bin = (0x40 - 0x20) / 16;
  heap.Put16(cache + 2 * bin, 2);
  heap.Put(cache + 128 + 8 * bin, cached + 16);
  const MallocUse use = heap.Walk();
  EXPECT_EQ(use.tcache, 0x80u);
  EXPECT_EQ(use.in_use, 0x290u);
  // A block of that size with anything else in it.
  heap.Put(cache + 128 + 8 * bin, cached + 8);
  EXPECT_EQ(heap.Walk().tcache, 0u);
}

TEST(MallocWalkTest, WhatMakesNoSenseIsNotGuessed) {
  FakeHeap heap(64 * kPageSize);
  for (int i = 0; i < 20; ++i) heap.Chunk(0x1000, false);
  const std::uint64_t bad = heap.Chunk(0x1000, false);
  heap.Top();
  for (const std::uint64_t size : {0x0ull, 0x8ull, 0x11ull << 40, 0x1008ull, ~0ull}) {
    heap.Put(bad + 8, size | 1);
    const MallocUse use = heap.Walk();
    EXPECT_EQ(use.in_use, 20u * 0x1000) << size;
    EXPECT_EQ(use.unwalked, 44 * kPageSize) << size;
    EXPECT_EQ(use.total(), 64 * kPageSize) << size;
  }
}

TEST(MallocWalkTest, ASizeThatLeadsNowhereEndsTheWalk) {
  FakeHeap heap(64 * kPageSize);
  const MallocUse use = heap.Walk();
  EXPECT_EQ(use.unwalked, 64 * kPageSize);
  EXPECT_EQ(use.in_use, 0u);
}

TEST(MallocWalkTest, TimeThatIsOverLeavesTheRestUnwalked) {
  FakeHeap heap(512 * kPageSize);
  for (int i = 0; i < 40'000; ++i) heap.Chunk(0x20, false);
  heap.Top();
  const MallocUse use = heap.Walk(true, 2);
  EXPECT_GT(use.unwalked, 0u);
  EXPECT_EQ(use.total(), 512 * kPageSize);
}

TEST(MallocWalkTest, AnyDamagedWordKeepsTheSum) {
  FakeHeap heap(8 * kPageSize);
  for (int i = 0; i < 30; ++i) heap.Chunk(0x20 + static_cast<std::uint64_t>(i) * 16, i % 3 == 0);
  heap.Top();
  for (std::uint64_t at = kHeapBegin; at < kHeapBegin + 0x2000; at += 8) {
    FakeHeap damaged = heap;
    damaged.Put(at, 0xfffffffffffffff1);
    EXPECT_EQ(damaged.Walk().total(), 8 * kPageSize) << at;
  }
}

}  // namespace
}  // namespace memwhy::monitor
