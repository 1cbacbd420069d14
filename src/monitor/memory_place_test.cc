// SPDX-License-Identifier: Apache-2.0
#include "monitor/memory_place.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <thread>

// Whether malloc is a sanitizer's: no block of glibc's then.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMWHY_OTHER_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MEMWHY_OTHER_MALLOC 1
#endif
#endif

namespace memwhy::monitor {
namespace {

struct FreeBlock {
  void operator()(void* block) const { std::free(block); }
};
using Block = std::unique_ptr<void, FreeBlock>;

// glibc raises its threshold to the largest mapped block that was freed, to 32 MiB at most.
constexpr std::size_t kAlwaysMapped = 40'000'000;

std::uint64_t AddressOf(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

Block Aligned(std::size_t bytes) {
  void* block = nullptr;
  EXPECT_EQ(posix_memalign(&block, 64, bytes), 0);
  std::memset(block, 1, bytes);
  return Block(block);
}

TEST(MemoryPlaceTest, UsableBytesAreThoseOfMalloc) {
  for (const std::size_t bytes :
       std::initializer_list<std::size_t>{64, 1000, 100'000, kAlwaysMapped}) {
    const Block block = Aligned(bytes);
    const auto place = FindMemoryPlace(getpid(), AddressOf(block.get()), bytes);
    ASSERT_TRUE(place) << place.error().message();
#ifndef MEMWHY_OTHER_MALLOC
    ASSERT_TRUE(place->block) << bytes;
    EXPECT_EQ(place->block->usable, malloc_usable_size(block.get()));
    if (bytes == kAlwaysMapped) {
      EXPECT_EQ(place->block->home, BlockHome::kMapping);
    }
#endif
    if (place->resident) {
      EXPECT_EQ(*place->resident + place->swapped, place->pages);
    }
  }
}

TEST(MemoryPlaceTest, AThreadsBlockIsOfAnArena) {
#ifndef MEMWHY_OTHER_MALLOC
  Block block;
  std::thread([&] { block = Aligned(3000); }).join();
  const auto place = FindMemoryPlace(getpid(), AddressOf(block.get()), 3000);
  ASSERT_TRUE(place && place->block);
  if (place->block->home == BlockHome::kArena) {
    EXPECT_EQ(place->block->arena >> 26, AddressOf(block.get()) >> 26);
  }
#endif
}

TEST(MemoryPlaceTest, WhatIsNoBlockIsSaidToBeNone) {
  const std::size_t bytes = 1 << 20;
  void* mapping = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapping, MAP_FAILED);
  std::memset(mapping, 1, bytes / 2);
  const auto place = FindMemoryPlace(getpid(), AddressOf(mapping) + 64, bytes - 64);
  ASSERT_TRUE(place);
  EXPECT_FALSE(place->block);
  EXPECT_NE(place->why_no_block, "");
  if (place->resident) {
    EXPECT_LE(*place->resident + place->swapped, place->pages);
  }
  munmap(mapping, bytes);
}

TEST(MemoryPlaceTest, MemoryThatCannotBeReadIsAnError) {
  EXPECT_FALSE(FindMemoryPlace(getpid(), 8, 64));
}

}  // namespace
}  // namespace memwhy::monitor
