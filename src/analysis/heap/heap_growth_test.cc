// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_growth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace memwhy::analysis {
namespace {

using model::TypeCensus;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One census, written as it is read.
class Census {
 public:
  Census& Type(const std::string& name, std::uint64_t objects, std::uint64_t bytes) {
    TypeCensus::Type& type = census_.types[Find(name)];
    type.objects = objects;
    type.bytes = bytes;
    return *this;
  }
  Census& Pair(const std::string& referrer, const std::string& referent, std::uint64_t count) {
    const std::uint32_t from = Find(referrer);
    census_.pairs.push_back({from, Find(referent), count});
    return *this;
  }
  operator TypeCensus() const { return census_; }  // NOLINT

 private:
  std::uint32_t Find(const std::string& name) {
    for (std::uint32_t i = 0; i < census_.types.size(); ++i) {
      if (census_.types[i].name == name) return i;
    }
    census_.types.push_back({name, name.starts_with('('), 0, 0});
    return static_cast<std::uint32_t>(census_.types.size() - 1);
  }
  TypeCensus census_;
};

// A store of lists of sessions; of each session some text.
TypeCensus Leaking(std::uint64_t round) {
  const std::uint64_t sessions = 100 * (round + 1);
  return Census()
      .Type("str", 5000 + sessions, 250'000 + sessions * 2000)
      .Type("app.Session", sessions, sessions * 56)
      .Type("list", 900 + sessions / 10, 90'000 + sessions * 10)
      .Type("app.Table", 1, 300)
      .Type("app.Store", 1, 48)
      .Type("dict", 800, 80'000)
      .Pair("app.Session", "str", sessions)
      .Pair("list", "app.Session", sessions)
      .Pair("app.Table", "list", sessions / 10)
      .Pair("app.Store", "app.Table", 1)
      .Pair("dict", "app.Store", 1)
      .Pair("dict", "list", 900)
      .Pair("(frame)", "dict", 3)
      .Pair("list", "dict", 700);
}

const HeapGrowth::Type& TypeOf(const HeapGrowth& growth, const std::string& name) {
  for (const auto& type : growth.types) {
    if (type.name == name) return type;
  }
  ADD_FAILURE() << name;
  return growth.types.front();
}

const HeapGrowth::Pair& PairOf(const HeapGrowth& growth, const std::string& from,
                               const std::string& to) {
  for (const auto& pair : growth.pairs) {
    if (pair.referrer == from && pair.referent == to) return pair;
  }
  ADD_FAILURE() << from << " " << to;
  return growth.pairs.front();
}

TEST(TypeGrowthTest, GrowingTypesAndPairsComeFirstByBytes) {
  const TypeCensus censuses[] = {Leaking(0), Leaking(1), Leaking(2)};
  const HeapGrowth growth = FindTypeGrowth(censuses);
  ASSERT_GE(growth.types.size(), 6U);
  EXPECT_EQ(growth.types[0].name, "str");
  EXPECT_EQ(growth.types[1].name, "app.Session");
  EXPECT_EQ(growth.types[2].name, "list");
  EXPECT_TRUE(growth.types[2].grows);
  EXPECT_FALSE(growth.types[3].grows);
  EXPECT_EQ(growth.types[1].grown_bytes, 200 * 56);
  EXPECT_THAT(growth.types[1].objects, ElementsAre(100, 200, 300));
  EXPECT_EQ(growth.pairs[0].referrer, "app.Session");
  EXPECT_EQ(growth.pairs[0].referent, "str");
  EXPECT_TRUE(PairOf(growth, "app.Table", "list").grows);
  EXPECT_FALSE(PairOf(growth, "dict", "list").grows);
  EXPECT_EQ(PairOf(growth, "list", "app.Session").about_bytes, 200U * 56);
  // A root is no type.
  for (const auto& type : growth.types) EXPECT_NE(type.name, "(frame)");
  EXPECT_TRUE(PairOf(growth, "(frame)", "dict").is_from_root);
}

TEST(TypeGrowthTest, ASliceGoesUpToWhatNobodyAloneHolds) {
  const TypeCensus censuses[] = {Leaking(0), Leaking(1), Leaking(2)};
  // Growing pairs up to Table, which is one and has one holder, as Store has; dict has many.
  EXPECT_THAT(FindTypeGrowth(censuses).slice,
              ElementsAre("str", "app.Session", "list", "app.Table", "app.Store", "dict"));
}

TEST(TypeGrowthTest, WhatGrowsInOneIntervalOnlyIsNotGrowing) {
  const auto census = [](std::uint64_t cached, std::uint64_t wavering) {
    return TypeCensus(Census()
                          .Type("cache", cached, cached * 100)
                          .Type("wave", wavering, wavering * 10)
                          .Pair("dict", "cache", cached)
                          .Pair("dict", "wave", wavering));
  };
  const TypeCensus censuses[] = {census(10, 5), census(900, 9), census(900, 8), census(900, 12)};
  const HeapGrowth growth = FindTypeGrowth(censuses);
  for (const auto& type : growth.types) EXPECT_FALSE(type.grows) << type.name;
  for (const auto& pair : growth.pairs) EXPECT_FALSE(pair.grows) << pair.referent;
  EXPECT_THAT(growth.slice, IsEmpty());
}

TEST(TypeGrowthTest, WhatIsNewCountsFromZero) {
  const TypeCensus censuses[] = {
      Census().Type("list", 1, 100),
      Census().Type("list", 1, 100).Type("a", 1, 50).Pair("list", "a", 1),
      Census().Type("list", 1, 100).Type("a", 3, 150).Pair("list", "a", 3)};
  const HeapGrowth growth = FindTypeGrowth(censuses);
  EXPECT_THAT(TypeOf(growth, "a").objects, ElementsAre(0, 1, 3));
  EXPECT_TRUE(TypeOf(growth, "a").grows);
  EXPECT_THAT(PairOf(growth, "list", "a").references, ElementsAre(0, 1, 3));
  EXPECT_TRUE(PairOf(growth, "list", "a").grows);
  EXPECT_EQ(PairOf(growth, "list", "a").about_bytes, 150U);
}

TEST(TypeGrowthTest, WhatIsGoneIsZero) {
  const TypeCensus censuses[] = {Census().Type("a", 2, 100).Pair("b", "a", 2), Census()};
  const HeapGrowth growth = FindTypeGrowth(censuses);
  EXPECT_THAT(TypeOf(growth, "a").bytes, ElementsAre(100, 0));
  EXPECT_EQ(TypeOf(growth, "a").grown_bytes, -100);
  EXPECT_THAT(PairOf(growth, "b", "a").references, ElementsAre(2, 0));
}

// One object that a thousand lists refer to takes no more memory for that.
TEST(TypeGrowthTest, ReferencesToOneObjectHoldNothingNew) {
  const auto census = [](std::uint64_t references) {
    return TypeCensus(
        Census().Type("big", 1, 1 << 20).Type("list", 5, 500).Pair("list", "big", references));
  };
  const TypeCensus censuses[] = {census(1), census(500), census(1000)};
  EXPECT_EQ(PairOf(FindTypeGrowth(censuses), "list", "big").about_bytes, 0U);
  EXPECT_TRUE(PairOf(FindTypeGrowth(censuses), "list", "big").grows);
}

TEST(TypeGrowthTest, OneObjectThatGetsLargerGrows) {
  const TypeCensus censuses[] = {Census().Type("bytearray", 1, 100),
                                 Census().Type("bytearray", 1, 200),
                                 Census().Type("bytearray", 1, 300)};
  EXPECT_TRUE(FindTypeGrowth(censuses).types.front().grows);
}

// Nodes that refer to each other, and a ring of three types: each is named once.
TEST(TypeGrowthTest, CyclesAreCut) {
  const auto linked = [](std::uint64_t n) {
    return TypeCensus(Census()
                          .Type("Node", n, n * 100)
                          .Type("Queue", 1, 48)
                          .Pair("Node", "Node", n)
                          .Pair("Queue", "Node", 1));
  };
  const TypeCensus chain[] = {linked(10), linked(20)};
  EXPECT_THAT(FindTypeGrowth(chain).slice, ElementsAre("Node"));
  const auto ring = [](std::uint64_t n) {
    return TypeCensus(Census()
                          .Type("a", n, n * 300)
                          .Type("b", n, n * 20)
                          .Type("c", n, n * 10)
                          .Pair("b", "a", n)
                          .Pair("c", "b", n)
                          .Pair("a", "c", n));
  };
  const TypeCensus rings[] = {ring(10), ring(20)};
  EXPECT_THAT(FindTypeGrowth(rings).slice, ElementsAre("a", "b", "c"));
}

TEST(TypeGrowthTest, ASliceEndsAtARoot) {
  const auto census = [](std::uint64_t n) {
    return TypeCensus(Census()
                          .Type("list", 1, 100 + 8 * n)
                          .Type("a", n, n * 100)
                          .Pair("list", "a", n)
                          .Pair("(frame)", "list", 1));
  };
  const TypeCensus censuses[] = {census(1), census(2)};
  EXPECT_THAT(FindTypeGrowth(censuses).slice, ElementsAre("a", "list", "(frame)"));
}

TEST(TypeGrowthTest, AScoreRewardsSteadyGrowthAndForgets) {
  const auto score = [](std::vector<std::uint64_t> series) { return GrowthScore(series); };
  EXPECT_EQ(score({}), 0);
  EXPECT_EQ(score({5}), 0);
  EXPECT_EQ(score({5, 5, 5}), 0);
  EXPECT_THAT(score({100, 200}), DoubleEq(1));
  EXPECT_THAT(score({0, 7}), DoubleEq(1));
  EXPECT_THAT(score({100, 200, 300}), DoubleEq(1 + 2 * 0.5));
  EXPECT_THAT(score({100, 200, 100}), DoubleEq(0.85));
  EXPECT_THAT(score({100, 200, 100, 200}), DoubleEq(0.85 + 1));
  EXPECT_THAT(score({100, 200, 200, 400}), DoubleEq(1 + 1));
}

TEST(TypeGrowthTest, NoCensusAndOneCensusGrowNothing) {
  EXPECT_THAT(FindTypeGrowth({}).types, IsEmpty());
  const TypeCensus one[] = {Leaking(0)};
  for (const auto& type : FindTypeGrowth(one).types) EXPECT_FALSE(type.grows);
  EXPECT_THAT(FindTypeGrowth(one).slice, IsEmpty());
}

}  // namespace
}  // namespace memwhy::analysis
