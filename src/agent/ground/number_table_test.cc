// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/number_table.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace memwhy::agent {
namespace {

TEST(NumberTableTest, NumbersComeInTheOrderOfFirstSight) {
  NumberTable table;
  bool is_new = false;
  EXPECT_EQ(table.Find(77, &is_new), 0u);
  EXPECT_TRUE(is_new);
  EXPECT_EQ(table.Find(5, &is_new), 1u);
  EXPECT_TRUE(is_new);
  EXPECT_EQ(table.Find(77, &is_new), 0u);
  EXPECT_FALSE(is_new);
}

TEST(NumberTableTest, ZeroIsAHashLikeOthers) {
  NumberTable table;
  bool is_new = false;
  EXPECT_EQ(table.Find(9, &is_new), 0u);
  EXPECT_EQ(table.Find(0, &is_new), 1u);
  EXPECT_TRUE(is_new);
  EXPECT_EQ(table.Find(0, &is_new), 1u);
  EXPECT_FALSE(is_new);
}

TEST(NumberTableTest, KeepsItsNumbersWhileItGrows) {
  constexpr std::uint32_t kMany = 50'000;  // beyond several sizes of the table
  const auto hash = [](std::uint32_t i) { return (std::uint64_t{i} + 1) * 0x9e3779b97f4a7c15ull; };
  NumberTable table;
  bool is_new = false;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(table.Find(hash(i), &is_new), i);
    ASSERT_TRUE(is_new);
  }
  for (std::uint32_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(table.Find(hash(i), &is_new), i);
    ASSERT_FALSE(is_new);
  }
  EXPECT_FALSE(table.failed());
}

}  // namespace
}  // namespace memwhy::agent
