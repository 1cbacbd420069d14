// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/fixed_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <vector>

namespace memwhy::agent {
namespace {

using ::testing::ElementsAre;

template <std::size_t kRoom>
std::vector<int> FixedItems(const FixedList<int, kRoom>& list) {
  return {list.begin(), list.end()};
}

TEST(FixedListTest, APushBeyondItsRoomIsSeenAndChangesNothing) {
  FixedList<int, 3> list;
  EXPECT_TRUE(list.Push(5));
  EXPECT_TRUE(list.Push(6));
  EXPECT_FALSE(list.is_full());
  EXPECT_TRUE(list.Push(7));
  EXPECT_TRUE(list.is_full());
  EXPECT_FALSE(list.Push(8));
  EXPECT_THAT(FixedItems(list), ElementsAre(5, 6, 7));
  list.Clear();
  EXPECT_EQ(list.count(), 0u);
  EXPECT_TRUE(list.Push(9));
  EXPECT_THAT(FixedItems(list), ElementsAre(9));
}

TEST(FixedListTest, ZeroedMemoryIsAnEmptyList) {
  alignas(FixedList<int, 4>) unsigned char memory[sizeof(FixedList<int, 4>)];
  std::memset(memory, 0, sizeof(memory));
  auto* list = reinterpret_cast<FixedList<int, 4>*>(memory);
  EXPECT_EQ(list->count(), 0u);
  EXPECT_TRUE(list->Push(1));
  EXPECT_THAT(FixedItems(*list), ElementsAre(1));
}

}  // namespace
}  // namespace memwhy::agent
