// SPDX-License-Identifier: Apache-2.0
#include "monitor/anonymous_walk.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace memwhy::monitor {
namespace {

constexpr std::uint64_t kBegin = 0x7f0000000000;
constexpr std::uint64_t kStep = 4096;

class FakeMemory {
 public:
  explicit FakeMemory(std::size_t pages) : bytes_(pages * kStep), resident_{{kBegin, end()}} {}

  std::uint64_t end() const { return kBegin + bytes_.size(); }
  template <typename T>
  void Put(std::uint64_t address, T value) {
    std::memcpy(bytes_.data() + (address - kBegin), &value, sizeof value);
  }
  void MappedBlock(std::uint64_t address, std::uint64_t size) {
    Put<std::uint64_t>(address + 8, size | 2);
  }
  void Pool(std::uint64_t address, std::uint32_t pool_bytes, std::uint32_t size_index,
            std::uint32_t count) {
    const std::uint32_t block = (size_index + 1) * 16;
    Put<std::uint32_t>(address, count);
    Put<std::uint64_t>(address + 8, address + 48);
    Put<std::uint32_t>(address + 36, size_index);
    Put<std::uint32_t>(address + 40, 48 + block);
    Put<std::uint32_t>(address + 44, pool_bytes - block);
  }
  void SetResident(std::vector<model::Range> resident) { resident_ = std::move(resident); }

  AnonymousUse Walk(int steps = 1 << 30) {
    const std::vector<model::Range> ranges = {{kBegin, end()}};
    const ReadMemory read = [&](std::uint64_t address, std::span<std::byte> into) {
      if (address < kBegin || address + into.size() > end()) return false;
      std::memcpy(into.data(), bytes_.data() + (address - kBegin), into.size());
      return true;
    };
    return WalkAnonymous(ranges, model::Residency(resident_), read, [&] { return steps-- > 0; });
  }

 private:
  std::vector<char> bytes_;
  std::vector<model::Range> resident_;
};

Bytes Sum(const AnonymousUse& use) {
  return use.mapped_blocks + use.pymalloc_in_use + use.pymalloc_free + use.rest + use.unwalked;
}

TEST(AnonymousWalkTest, FindsBlocksThatMallocMapped) {
  FakeMemory memory(64);
  memory.MappedBlock(kBegin + kStep, 40 * kStep);
  memory.MappedBlock(kBegin + 41 * kStep, 2 * kStep);
  const AnonymousUse use = memory.Walk();
  EXPECT_EQ(use.mapped_blocks, 42 * kStep);
  EXPECT_EQ(use.rest, 22 * kStep);
  EXPECT_EQ(Sum(use), 64 * kStep);
}

TEST(AnonymousWalkTest, ABlockBeyondTheMappingIsNone) {
  FakeMemory memory(8);
  const std::vector<std::uint64_t> sizes = {9 * kStep, 0, 0xfffffffffffff000};
  for (const std::uint64_t size : sizes) {
    memory.MappedBlock(kBegin, size);
    EXPECT_EQ(memory.Walk().mapped_blocks, 0u);
  }
}

TEST(AnonymousWalkTest, FindsPoolsOfBothSizes) {
  FakeMemory memory(64);
  memory.Pool(kBegin, 16384, 3, 100);  // blocks of 64 bytes
  memory.Pool(kBegin + 4 * kStep, 16384, 31, 0);
  memory.Pool(kBegin + 9 * kStep, 4096, 0, 10);
  const AnonymousUse use = memory.Walk();
  EXPECT_EQ(use.pools, 3u);
  EXPECT_EQ(use.pymalloc_in_use, 6400u + 160u);
  EXPECT_EQ(use.pymalloc_free, 9 * kStep - 6560);
  EXPECT_EQ(Sum(use), 64 * kStep);
}

TEST(AnonymousWalkTest, AnyFieldThatDisagreesIsNoPool) {
  for (const int offset : {0, 4, 8, 36, 40, 44}) {
    FakeMemory memory(4);
    memory.Pool(kBegin, 16384, 3, 100);
    memory.Put<std::uint32_t>(kBegin + static_cast<std::uint64_t>(offset), 0x7fffffff);
    EXPECT_EQ(memory.Walk().pools, 0u) << offset;
  }
}

TEST(AnonymousWalkTest, OnlyResidentPagesCount) {
  FakeMemory memory(2048);
  memory.MappedBlock(kBegin + 1000 * kStep, 100 * kStep);
  memory.SetResident({{kBegin + 1000 * kStep, kBegin + 1010 * kStep}});
  const AnonymousUse use = memory.Walk();
  EXPECT_EQ(use.mapped_blocks, 10 * kStep);
  EXPECT_EQ(Sum(use), 10 * kStep);
}

TEST(AnonymousWalkTest, TimeThatIsOverLeavesTheRestUnwalked) {
  FakeMemory memory(2048);
  const AnonymousUse use = memory.Walk(2);
  EXPECT_GT(use.unwalked, 0u);
  EXPECT_EQ(Sum(use), 2048 * kStep);
}

}  // namespace
}  // namespace memwhy::monitor
