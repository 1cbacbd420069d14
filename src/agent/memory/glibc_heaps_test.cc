// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/glibc_heaps.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <barrier>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace memwhy::agent {
namespace {

constexpr std::size_t kThreads = 4;
constexpr std::size_t kBlocks = 5000;

// A sanitizer has a malloc of its own.
bool IsGlibcsMalloc() {
  Dl_info found{};
  void* const address = dlsym(RTLD_DEFAULT, "malloc");
  return dladdr(address, &found) != 0 && std::strstr(found.dli_fname, "/libc.so") != nullptr;
}

std::uintptr_t AddressOf(void* block) { return reinterpret_cast<std::uintptr_t>(block); }

// Threads that live have blocks of all sizes in arenas of their own, which they have given back in
// part: their own, and one another's.
class GlibcHeapsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!IsGlibcsMalloc()) GTEST_SKIP() << "malloc is not glibc's here";
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads_.emplace_back([this, i] { Work(i); });
    }
    done_.arrive_and_wait();
    ASSERT_TRUE(map_.Load());
    ASSERT_TRUE(heaps_.Load(map_, free_));
    free_.Sort();
  }
  void TearDown() override {
    if (threads_.empty()) return;
    end_.arrive_and_wait();
    for (std::thread& thread : threads_) thread.join();
  }

  void Work(std::size_t self) {
    std::mt19937 random(static_cast<unsigned>(self));
    auto& own = taken_[self];
    own.reserve(kBlocks);
    for (std::size_t i = 0; i < kBlocks; ++i) {
      const std::size_t bytes = random() % 10 == 0 ? random() % 60'000 : random() % 600;
      own.push_back(malloc(bytes));
    }
    all_taken_.arrive_and_wait();
    // Of each three blocks: the first is kept, the others are given back by the owner and by
    // another.
    freed_[self].reserve(kBlocks);
    for (std::size_t i = 1; i < kBlocks; i += 3) Free(self, own[i]);
    all_freed_.arrive_and_wait();
    for (std::size_t i = 2; i < kBlocks; i += 3) Free(self, taken_[(self + 1) % kThreads][i]);
    done_.arrive_and_wait();
    end_.arrive_and_wait();
    for (std::size_t i = 0; i < kBlocks; i += 3) free(own[i]);
  }
  void Free(std::size_t self, void* block) {
    freed_[self].push_back(AddressOf(block));
    free(block);
  }

  std::vector<void*> taken_[kThreads];
  std::vector<std::uintptr_t> freed_[kThreads];
  std::barrier<> all_taken_{kThreads};
  std::barrier<> all_freed_{kThreads};
  std::barrier<> done_{kThreads + 1};
  std::barrier<> end_{kThreads + 1};
  std::vector<std::thread> threads_;
  MemoryMap map_;
  FreeRanges free_;
  GlibcHeaps heaps_;
};

TEST_F(GlibcHeapsTest, KnowsEachBlockInUse) {
  for (const auto& own : taken_) {
    for (std::size_t i = 0; i < kBlocks; i += 3) {
      const std::uintptr_t begin = AddressOf(own[i]);
      const std::uintptr_t end = begin + malloc_usable_size(own[i]);
      ASSERT_TRUE(heaps_.Covers(begin));
      EXPECT_TRUE(heaps_.IsBegin(begin));
      EXPECT_FALSE(free_.Contains(begin));
      for (const std::uintptr_t place : {begin, begin + (end - begin) / 2, end - 1}) {
        const AllocatedBlock block = heaps_.BlockOf(place);
        EXPECT_EQ(block.begin, begin);
        EXPECT_EQ(block.end, end);
        EXPECT_LE(block.sure_end, end);
      }
      EXPECT_FALSE(heaps_.IsBegin(begin + 16));
    }
  }
}

TEST_F(GlibcHeapsTest, KnowsWhatWasGivenBack) {
  for (const auto& freed : freed_) {
    for (const std::uintptr_t begin : freed) {
      ASSERT_TRUE(heaps_.Covers(begin));
      EXPECT_TRUE(free_.Contains(begin));
    }
  }
}

// The arenas are those of threads: the test would prove nothing about them otherwise.
TEST_F(GlibcHeapsTest, MoreThanTheMainHeap) {
  std::size_t elsewhere = 0;
  for (const auto& own : taken_) {
    const Mapping* mapping = map_.Find(AddressOf(own[0]));
    ASSERT_NE(mapping, nullptr);
    elsewhere += mapping->is_heap ? 0 : 1;
  }
  EXPECT_EQ(elsewhere, kThreads);
}

TEST(GlibcHeaps, KnowsNothingElse) {
  if (!IsGlibcsMalloc()) GTEST_SKIP() << "malloc is not glibc's here";
  MemoryMap map;
  FreeRanges free;
  GlibcHeaps heaps;
  ASSERT_TRUE(map.Load());
  ASSERT_TRUE(heaps.Load(map, free));
  int local = 0;
  EXPECT_FALSE(heaps.Covers(reinterpret_cast<std::uintptr_t>(&local)));
  EXPECT_FALSE(heaps.Covers(0));
  EXPECT_EQ(heaps.BlockOf(0).begin, 0u);
}

}  // namespace
}  // namespace memwhy::agent
