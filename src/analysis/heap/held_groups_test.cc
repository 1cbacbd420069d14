// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/held_groups.h"

#include <gtest/gtest.h>

#include <vector>

#include "model/heap/fake_dump.h"

namespace memwhy::analysis {
namespace {

constexpr std::uint64_t HeldAt(std::uint64_t i) { return 0x7f0000000010 + i * 0x1000; }

TEST(HeldGroupsTest, NumbersInBracketsAreOne) {
  EXPECT_EQ(GeneralStep("[17]"), "[*]");
  EXPECT_EQ(GeneralStep("['CustomGradient-17']"), "['CustomGradient-*']");
  EXPECT_EQ(GeneralStep("['a1b22']"), "['a*b*']");
  EXPECT_EQ(GeneralStep(".trace_0"), ".trace_0");
  EXPECT_EQ(GeneralStep(""), "");
}

// app.MODELS [3, 4, 5]; 6 and 7 hold each other, and nothing else does.
TEST(HeldGroupsTest, WhatOneListHoldsIsOneGroup) {
  model::FakeDump dump;
  const auto pairs = dump.Shape(wire::ShapeRest::kPairs, {});
  const auto items = dump.Shape(wire::ShapeRest::kIndexed, {});
  const auto attributes =
      dump.Shape(wire::ShapeRest::kPlain, {{wire::EdgeKind::kAttributes, "__dict__"}});
  const auto module = dump.Type("module", 0, 64, 0x5000000);
  const auto dict = dump.Type("dict", 0, 100, 0x5001000);
  const auto list = dump.Type("list", 0, 100, 0x5002000);
  const auto str = dump.Type("str", wire::kTypeIsLeaf, 50, 0x5003000);
  const auto node = dump.Type("app.Model", 0, 10, 0x5004000);
  dump.Object(module, HeldAt(0), 0, {HeldAt(1)}, attributes);
  dump.Object(dict, HeldAt(1), 1, {HeldAt(20), HeldAt(2)}, pairs);
  dump.Object(str, HeldAt(20), 1);
  dump.Key(HeldAt(20), "MODELS");
  dump.Object(list, HeldAt(2), 1, {HeldAt(3), HeldAt(4), HeldAt(5)}, items);
  for (std::uint64_t one : {3, 4, 5}) dump.Object(node, HeldAt(one), 1);
  dump.Object(node, HeldAt(6), 1, {HeldAt(7)});
  dump.Object(node, HeldAt(7), 1, {HeldAt(6)});
  dump.Root(wire::DumpRoot::kModule, wire::RootCounts::kNone, "app", {HeldAt(0)});
  dump.End();
  model::FakeDumpSource source(dump.bytes());
  const auto graph = model::ObjectGraph::Load(source);
  ASSERT_TRUE(graph);
  const HeapPaths paths(*graph);
  const std::vector<std::uint64_t> asked = {HeldAt(6), HeldAt(3), HeldAt(5), HeldAt(4), HeldAt(99)};
  const HeldObjects out = GroupByPath(*graph, paths, asked);
  ASSERT_EQ(out.groups.size(), 2u);
  EXPECT_EQ(out.groups[0].count, 3u);
  EXPECT_EQ(out.groups[0].path, "app.MODELS[*]");
  EXPECT_EQ(out.groups[1].count, 1u);
  EXPECT_EQ(out.groups[1].path, "");
  EXPECT_EQ(out.not_in_dump, 1u);
}

}  // namespace
}  // namespace memwhy::analysis
