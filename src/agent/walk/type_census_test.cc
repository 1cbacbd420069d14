// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/type_census.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <utility>

namespace memwhy::agent {
namespace {

using Pairs = std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t>;

Pairs PairsOf(const TypeCensus& census) {
  Pairs pairs;
  census.EachPair([&](std::uint32_t from, std::uint32_t to, std::uint64_t references) {
    EXPECT_TRUE(pairs.emplace(std::pair(from, to), references).second) << from << " " << to;
  });
  return pairs;
}

TEST(TypeCensusTest, CountsObjectsAndBytesByType) {
  TypeCensus census;
  census.AddObject(3, 100);
  census.AddObject(3, 20);
  census.AddBytes(3, 7);
  census.AddObject(5000, 1);
  EXPECT_EQ(census.total(3).objects, 2U);
  EXPECT_EQ(census.total(3).bytes, 127U);
  EXPECT_EQ(census.total(5000).objects, 1U);
  EXPECT_EQ(census.total(4).objects, 0U);
  EXPECT_EQ(census.total(1U << 30).objects, 0U);
  EXPECT_FALSE(census.failed());
}

TEST(TypeCensusTest, APairIsNotItsReverse) {
  TypeCensus census;
  census.AddReference(32, 33);
  census.AddReference(33, 32);
  census.AddReference(32, 33);
  census.AddReference(32, 0);
  census.AddReference(0, 32);
  const Pairs expected = {{{32, 33}, 2}, {{33, 32}, 1}, {{32, 0}, 1}, {{0, 32}, 1}};
  EXPECT_EQ(PairsOf(census), expected);
}

// The table is at most half full: of 100,000 pairs very many begin at a place that is taken, and it
// doubles several times.
TEST(TypeCensusTest, PairsThatClashAreToldApart) {
  TypeCensus census;
  Pairs expected;
  std::mt19937 random(1);
  for (int i = 0; i < 300'000; ++i) {
    const std::uint32_t from = random() % 400;
    const std::uint32_t to = 32 + random() % 400;
    const int times = i % 3 + 1;
    for (int n = 0; n < times; ++n) census.AddReference(from, to);
    expected[{from, to}] += static_cast<std::uint64_t>(times);
  }
  EXPECT_GT(expected.size(), 100'000U);
  EXPECT_EQ(PairsOf(census), expected);
  EXPECT_FALSE(census.failed());
}

}  // namespace
}  // namespace memwhy::agent
