// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/mark_map.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <set>

namespace memwhy::agent {
namespace {

constexpr std::uintptr_t kFirst = 0x7f12'3456'0000;
constexpr std::uintptr_t kBlockBytes = 0x10000;

class MarkMapTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      ASSERT_TRUE(marks_.Share(5000));
    }
  }
  MarkMap marks_;
};

TEST_P(MarkMapTest, EachMarkIsSetOnce) {
  EXPECT_TRUE(marks_.See(kFirst + 32));
  EXPECT_FALSE(marks_.See(kFirst + 32));
  EXPECT_TRUE(marks_.See(kFirst + 48));
  EXPECT_TRUE(marks_.Name(kFirst + 32));
  EXPECT_FALSE(marks_.Name(kFirst + 32));
  EXPECT_TRUE(marks_.IsSeen(kFirst + 32));
  EXPECT_FALSE(marks_.IsSeen(kFirst + 64));
  EXPECT_FALSE(marks_.IsSeen(kFirst + 32 + 16 * kBlockBytes));
  EXPECT_EQ(marks_.SeenBefore(kFirst + 0x100), kFirst + 48);
  EXPECT_EQ(marks_.SeenUpTo(kFirst + kBlockBytes + 8, kBlockBytes), kFirst + 48);
}

TEST_P(MarkMapTest, VisitsAllThatWereSeen) {
  std::set<std::uintptr_t> wanted;
  for (std::uintptr_t i = 0; i < 4000; ++i) wanted.insert(kFirst + i * (kBlockBytes + 16));
  for (const std::uintptr_t address : wanted) ASSERT_TRUE(marks_.See(address));
  std::set<std::uintptr_t> visited;
  marks_.EachSeen([&](std::uintptr_t address) { return visited.insert(address).second; });
  EXPECT_EQ(visited, wanted);
  EXPECT_FALSE(marks_.failed());
}

// Of devices, or where a program asks for addresses of 57 bits.
TEST_P(MarkMapTest, TellsHighAddressesApart) {
  constexpr std::uintptr_t kHigh = 0xff00'7f12'3456'0000;
  EXPECT_TRUE(marks_.See(kFirst));
  for (const std::uintptr_t top : {0x0001u, 0x00ffu, 0xff00u}) {
    const std::uintptr_t address = kFirst | std::uintptr_t{top} << 48;
    EXPECT_FALSE(marks_.IsSeen(address));
    EXPECT_TRUE(marks_.See(address));
    EXPECT_FALSE(marks_.See(address));
  }
  EXPECT_TRUE(marks_.IsSeen(kHigh));
  EXPECT_FALSE(marks_.IsSeen(kHigh + 16));
  EXPECT_FALSE(marks_.failed());
}

INSTANTIATE_TEST_SUITE_P(OneProcessOrMore, MarkMapTest, testing::Bool());

// Both go over the same addresses, from either end: they meet everywhere, and at the same blocks.
TEST(SharedMarkMapTest, OfTwoProcessesOneSetsEachMark) {
  constexpr std::uintptr_t kMarks = 2'000'000;
  constexpr std::uintptr_t kStep = 0x90;
  MarkMap marks;
  ASSERT_TRUE(marks.Share((kMarks * kStep >> 16) + 1000));
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto count = [&](bool is_forward) {
    std::uint64_t own = 0;
    for (std::uintptr_t i = 0; i < kMarks; ++i) {
      const std::uintptr_t at = is_forward ? i : kMarks - 1 - i;
      if (marks.See(kFirst + at * kStep)) ++own;
    }
    return own;
  };
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::uint64_t own = count(false);
    _exit(write(ends[1], &own, sizeof(own)) == sizeof(own) && !marks.failed() ? 0 : 1);
  }
  const std::uint64_t own = count(true);
  std::uint64_t childs = 0;
  ASSERT_EQ(read(ends[0], &childs, sizeof(childs)), static_cast<ssize_t>(sizeof(childs)));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(own + childs, kMarks);
  EXPECT_FALSE(marks.failed());
  std::uint64_t seen = 0;
  marks.EachSeen([&](std::uintptr_t) { return ++seen != 0; });
  EXPECT_EQ(seen, kMarks);
}

TEST(SharedMarkMapTest, SaysThatThereIsNoRoom) {
  MarkMap marks;
  ASSERT_TRUE(marks.Share(3));
  for (std::uintptr_t i = 0; i < 3; ++i) EXPECT_TRUE(marks.See(kFirst + i * kBlockBytes));
  EXPECT_FALSE(marks.failed());
  EXPECT_FALSE(marks.See(kFirst + 3 * kBlockBytes));
  EXPECT_TRUE(marks.failed());
  EXPECT_TRUE(marks.IsSeen(kFirst));
}

}  // namespace
}  // namespace memwhy::agent
