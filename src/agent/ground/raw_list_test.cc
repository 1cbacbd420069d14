// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/raw_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace memwhy::agent {
namespace {

using ::testing::ElementsAre;

std::vector<int> RawItems(const RawList<int>& list) { return {list.begin(), list.end()}; }

TEST(RawListTest, KeepsWhatWasPushedWhileItGrows) {
  RawList<std::uint64_t> list;
  constexpr std::uint64_t kMany = 100'000;
  for (std::uint64_t i = 0; i < kMany; ++i) ASSERT_TRUE(list.Push(i * i));
  ASSERT_EQ(list.count(), kMany);
  for (std::uint64_t i = 0; i < kMany; ++i) ASSERT_EQ(list[i], i * i);
}

TEST(RawListTest, PopTruncateAndClearMoveTheEnd) {
  RawList<int> list;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(list.Push(i));
  EXPECT_EQ(list.Pop(), 4);
  EXPECT_EQ(list.last(), 3);
  list.Truncate(2);
  EXPECT_THAT(RawItems(list), ElementsAre(0, 1));
  ASSERT_TRUE(list.Push(7));
  EXPECT_THAT(RawItems(list), ElementsAre(0, 1, 7));
  list.Clear();
  EXPECT_TRUE(list.is_empty());
  list.Release();
  EXPECT_EQ(list.begin(), list.end());
}

TEST(RawListTest, ReservedRoomTakesItems) {
  RawList<int> list;
  ASSERT_TRUE(list.Push(1));
  ASSERT_TRUE(list.Reserve(10'000));
  const int* const first = list.begin();
  for (int i = 2; i <= 10'000; ++i) list.PushReserved(i);
  EXPECT_EQ(list.count(), 10'000u);
  EXPECT_EQ(list.begin(), first);
}

TEST(RawListTest, RoomThatNobodyHasIsRefusedAndChangesNothing) {
  RawList<int> list;
  ASSERT_TRUE(list.Push(1));
  EXPECT_FALSE(list.Reserve(std::size_t{1} << 58));
  EXPECT_THAT(RawItems(list), ElementsAre(1));
  ASSERT_TRUE(list.Push(2));
  EXPECT_THAT(RawItems(list), ElementsAre(1, 2));
}

}  // namespace
}  // namespace memwhy::agent
