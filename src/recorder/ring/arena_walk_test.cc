// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/arena_walk.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace memwhy::recorder {
namespace {

constexpr std::uint32_t kPool = 16 << 10;
constexpr std::uint32_t kArena = 1 << 20;

PoolHeader Pool(std::uint32_t blocks, std::uint32_t size_index) {
  PoolHeader pool{};
  pool.ref_count = blocks;
  pool.size_index = size_index;
  return pool;
}

TEST(PoolUseTest, LiveBlocksTimesSizeClass) {
  EXPECT_EQ(PoolUse(Pool(10, 0), kPool), 160u);
  EXPECT_EQ(PoolUse(Pool(31, 31), kPool), 31u * 512);
  EXPECT_EQ(PoolUse(Pool(0, 77), kPool), 0u) << "an unused pool keeps an old size class";
}

TEST(PoolUseTest, WhatCannotBeIsUnreadable) {
  EXPECT_EQ(PoolUse(Pool(1, 32), kPool), std::nullopt);
  EXPECT_EQ(PoolUse(Pool(32, 31), kPool), std::nullopt) << "more than fits";
}

TEST(WalkArenasTest, OwnMemoryIsWalked) {
  // Two arenas, one of them not aligned to a pool, as CPython before 3.10 could have.
  auto* memory = static_cast<char*>(
      mmap(nullptr, 3 * kArena, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  const auto base =
      (reinterpret_cast<std::uint64_t>(memory) + kPool - 1) & ~std::uint64_t{kPool - 1};
  const auto put = [](std::uint64_t address, const PoolHeader& pool) {
    std::memcpy(reinterpret_cast<void*>(address), &pool, sizeof(pool));
  };
  put(base, Pool(10, 0));
  put(base + kPool, Pool(5, 3));
  put(base + 2 * kPool, Pool(5, 99));
  const std::uint64_t second = base + kArena + 4096;
  put(base + kArena + kPool, Pool(1, 31));
  const std::vector<std::uint64_t> arenas = {base, second};
  model::MapsPass pass;
  const auto uses = WalkArenas(getpid(), arenas, kArena, kPool, pass);
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_EQ(uses[0].blocks_in_use, 10u * 16 + 5 * 64);
  EXPECT_EQ(uses[0].pools_in_use, 2u * kPool);
  EXPECT_EQ(uses[0].pools_unreadable, 1u);
  EXPECT_EQ(uses[1].blocks_in_use, 512u);

  pass.residency_known = true;
  pass.resident.push_back({base + kPool, base + 2 * kPool});
  const auto resident = WalkArenas(getpid(), arenas, kArena, kPool, pass);
  EXPECT_EQ(resident[0].blocks_in_use, 5u * 64) << "pages that are not in memory are not touched";
  EXPECT_EQ(resident[1].blocks_in_use, 0u);
  munmap(memory, 3 * kArena);
}

TEST(WalkArenasTest, SizesThatCannotBeAreRefused) {
  const std::vector<std::uint64_t> arenas = {0x1000};
  EXPECT_TRUE(WalkArenas(getpid(), arenas, 0, kPool, {}).empty());
  EXPECT_TRUE(WalkArenas(getpid(), arenas, kArena, 0, {}).empty());
  EXPECT_TRUE(WalkArenas(getpid(), arenas, kArena, 12345, {}).empty());
  const std::vector<std::uint64_t> far = {~std::uint64_t{0} - 100};
  EXPECT_TRUE(WalkArenas(getpid(), far, kArena, kPool, {}).empty());
}

}  // namespace
}  // namespace memwhy::recorder
