// SPDX-License-Identifier: Apache-2.0
#include "model/heap/type_census.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "model/heap/fake_dump.h"
#include "model/heap/object_graph.h"

namespace memwhy::model {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kFirst = wire::kFirstType;

Result<TypeCensus> Read(const FakeDump& dump, std::size_t piece = 1 << 20) {
  FakeDumpSource source(dump.bytes(), piece);
  return ReadTypeCensus(source);
}

std::map<std::string, std::uint64_t> References(const TypeCensus& census) {
  std::map<std::string, std::uint64_t> pairs;
  for (const TypeCensus::Pair& pair : census.pairs) {
    pairs[census.types[pair.referrer].name + " -> " + census.types[pair.referent].name] =
        pair.references;
  }
  return pairs;
}

FakeDump Census() {
  FakeDump dump;
  dump.Type("list", wire::kTypeHasExtra, 56, 0x1000);
  dump.Type("app.Session", 0, 48, 0x2000);
  dump.Type("app.Session", 0, 64, 0x3000);  // the class was made again
  dump.TypeTotal(0, 3, 1000);
  dump.TypeTotal(1, 10, 480);
  dump.TypeTotal(2, 5, 320);
  dump.Pair(kFirst, kFirst + 1, 10);
  dump.Pair(kFirst, kFirst + 2, 5);
  dump.Pair(static_cast<std::uint64_t>(wire::DumpRoot::kFrame), kFirst, 1);
  dump.Pair(static_cast<std::uint64_t>(wire::DumpRoot::kStack), kFirst, 7);  // left over, perhaps
  dump.Pair(kFirst + 1, wire::kNoReferent, 2);
  dump.End();
  return dump;
}

TEST(TypeCensusTest, TypesOfOneNameAreOne) {
  // In pieces, so that records are cut.
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
    const auto census = Read(Census(), piece);
    ASSERT_TRUE(census) << census.error().message();
    EXPECT_EQ(census->objects, 18U);
    EXPECT_EQ(census->bytes, 1800U);
    ASSERT_GE(census->types.size(), 2U);
    EXPECT_EQ(census->types[1].name, "app.Session");
    EXPECT_EQ(census->types[1].objects, 15U);
    EXPECT_EQ(census->types[1].bytes, 800U);
    const std::map<std::string, std::uint64_t> expected = {
        {"list -> app.Session", 15}, {"(frame) -> list", 1}, {"app.Session -> (no object)", 2}};
    EXPECT_EQ(References(*census), expected);
    for (const TypeCensus::Type& type : census->types) {
      EXPECT_EQ(type.is_root, type.name == "(frame)") << type.name;
    }
  }
}

TEST(TypeCensusTest, CountsThatDoNotFitAreTheLargest) {
  FakeDump dump;
  dump.Type("a", 0, 16, 0x1000);
  dump.Type("a", 0, 16, 0x2000);
  for (std::uint64_t type = 0; type < 2; ++type) {
    dump.TypeTotal(type, UINT64_MAX, UINT64_MAX);
    dump.Pair(kFirst + type, kFirst, UINT64_MAX);
  }
  dump.End();
  const auto census = Read(dump);
  ASSERT_TRUE(census);
  EXPECT_EQ(census->types[0].objects, UINT64_MAX);
  EXPECT_EQ(census->bytes, UINT64_MAX);
  EXPECT_EQ(census->pairs[0].references, UINT64_MAX);
}

TEST(TypeCensusTest, WhatCannotBeIsAnError) {
  const auto broken = [](auto add) {
    FakeDump dump;
    dump.Type("a", 0, 16, 0x1000);
    add(dump);
    dump.End();
    const auto census = Read(dump);
    return census ? std::string() : census.error().message();
  };
  EXPECT_EQ(broken([](FakeDump&) {}), "");
  EXPECT_THAT(broken([](FakeDump& d) { d.TypeTotal(1, 1, 1); }), HasSubstr("not defined"));
  EXPECT_THAT(broken([](FakeDump& d) { d.Pair(kFirst + 1, kFirst, 1); }), HasSubstr("of a type"));
  EXPECT_THAT(broken([](FakeDump& d) { d.Pair(kFirst, kFirst + 1, 1); }), HasSubstr("to a type"));
  EXPECT_THAT(broken([](FakeDump& d) { d.Pair(31, kFirst, 1); }), HasSubstr("of a type"));
  EXPECT_THAT(broken([](FakeDump& d) { d.Pair(kFirst, 31, 1); }), HasSubstr("to a type"));
  EXPECT_THAT(broken([](FakeDump& d) { d.Pair(UINT64_MAX, kFirst, 1); }), HasSubstr("of a type"));
}

TEST(TypeCensusTest, EveryCutIsAnError) {
  const std::vector<std::uint8_t> whole = Census().bytes();
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    FakeDumpSource source({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)});
    EXPECT_FALSE(ReadTypeCensus(source)) << bytes;
  }
}

TEST(TypeCensusTest, AWholeDumpIsAnotherVersions) {
  FakeDump dump;
  const std::uint32_t type = dump.Type("a", wire::kTypeIsLeaf, 16, 0x1000);
  dump.Object(type, 0x4000, 1);
  dump.End();
  const auto census = Read(dump);
  ASSERT_FALSE(census);
  EXPECT_THAT(census.error().message(), HasSubstr("another version"));
}

// A graph has no use for sums; it is not damaged by them.
TEST(TypeCensusTest, AGraphOfACensusIsEmpty) {
  FakeDumpSource source(Census().bytes());
  const auto graph = ObjectGraph::Load(source);
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->damage(), "");
  EXPECT_EQ(graph->objects(), 0U);
}

}  // namespace
}  // namespace memwhy::model
