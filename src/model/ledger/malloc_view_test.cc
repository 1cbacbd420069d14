// SPDX-License-Identifier: Apache-2.0
#include "model/ledger/malloc_view.h"

#include <gtest/gtest.h>

#include <vector>

namespace memwhy::model {
namespace {

constexpr std::uint64_t kViewKiB = 1024;
constexpr std::uint64_t kViewMiB = 1024 * kViewKiB;

struct Heap {
  MapsPass pass;
  std::vector<LiveBlock> blocks;

  explicit Heap(std::uint64_t size) {
    pass.residency_known = true;
    Add(kViewMiB, size, "[heap]", "rw-p");
  }
  void Add(std::uint64_t begin, std::uint64_t size, const char* name, const char* permissions) {
    Mapping mapping;
    mapping.begin = begin;
    mapping.end = begin + size;
    mapping.permissions = permissions;
    mapping.name = name;
    if (permissions[0] != '-') {
      mapping.rss = size;
      pass.resident.push_back({mapping.begin, mapping.end});
    }
    pass.mappings.push_back(mapping);
  }
  void Block(std::uint64_t chunk, std::uint64_t size) {
    blocks.push_back({chunk + 16, size - 8, kNoPython, wire::Allocator::kMalloc, {}, 1});
  }
};

TEST(MallocView, FreeRunsAndTheTopOfTheMainHeapCanBeTrimmed) {
  Heap heap(kViewMiB);
  heap.Block(kViewMiB, 4096);
  heap.Block(kViewMiB + 512 * kViewKiB, 4096);
  const MallocView view = ViewMalloc(heap.pass, heap.blocks).value();
  ASSERT_EQ(view.heaps.size(), 1u);
  EXPECT_TRUE(view.heaps[0].is_main);
  EXPECT_EQ(view.free, kViewMiB - 8192);
  EXPECT_EQ(view.heaps[0].largest_gap, 508 * kViewKiB);
  EXPECT_EQ(view.heaps[0].top, 508 * kViewKiB);
  EXPECT_EQ(view.heaps[0].blocks_above, 1u);
  EXPECT_EQ(view.heaps[0].bytes_above, 4096u);
  EXPECT_EQ(view.heaps[0].highest->address, kViewMiB + 512 * kViewKiB + 16);
  // The first page of a free chunk has its head.
  EXPECT_EQ(view.trimmable, 504 * kViewKiB + 504 * kViewKiB);
}

TEST(MallocView, PagesThatAreNotResidentCountNowhere) {
  Heap heap(kViewMiB);
  heap.pass.resident = {{kViewMiB, kViewMiB + 64 * kViewKiB}};
  heap.Block(kViewMiB, 4096);
  const MallocView view = ViewMalloc(heap.pass, heap.blocks).value();
  EXPECT_EQ(view.resident, 64 * kViewKiB);
  EXPECT_EQ(view.free, 60 * kViewKiB);
}

TEST(MallocView, TheTopOfAThreadsArenaStays) {
  Heap heap(64 * kViewKiB);
  constexpr std::uint64_t kArena = 64 * kViewMiB;
  heap.Add(kArena, kViewMiB, "", "rw-p");
  heap.Add(kArena + kViewMiB, 63 * kViewMiB, "", "---p");
  heap.Block(kArena + 0x8d0 + 0x60, 4096);
  heap.Block(kArena + 512 * kViewKiB, 4096);
  const MallocView view = ViewMalloc(heap.pass, heap.blocks).value();
  ASSERT_EQ(view.heaps.size(), 2u);
  const MallocHeap& arena = view.heaps[1];
  EXPECT_FALSE(arena.is_main);
  EXPECT_EQ(arena.top, 508 * kViewKiB);
  EXPECT_LT(arena.trimmable, 512 * kViewKiB);
  EXPECT_GT(arena.trimmable, 490 * kViewKiB);
  EXPECT_EQ(arena.largest_gap, 512 * kViewKiB - (0x8d0 + 0x60 + 4096));
}

TEST(MallocView, WithoutResidentPagesNothingIsSaid) {
  Heap heap(kViewMiB);
  heap.pass.residency_known = false;
  EXPECT_FALSE(ViewMalloc(heap.pass, heap.blocks));
}

}  // namespace
}  // namespace memwhy::model
