// SPDX-License-Identifier: Apache-2.0
#include "model/sites/call_tree.h"

#include <gtest/gtest.h>

#include <random>

#include "model/sites/fake_source.h"

namespace memwhy::model {
namespace {

void ExpectConsistent(const CallTree& tree, Bytes value, Bytes baseline) {
  ASSERT_FALSE(tree.nodes.empty());
  EXPECT_EQ(tree.nodes[0].value.bytes, value);
  EXPECT_EQ(tree.nodes[0].baseline.bytes, baseline);
  std::vector<Amount> sums(tree.nodes.size());
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) sums[i] = tree.nodes[i].self_value;
  for (std::size_t i = tree.nodes.size(); i-- > 1;) {
    ASSERT_LT(tree.nodes[i].parent, i);
    sums[tree.nodes[i].parent] += tree.nodes[i].value;
  }
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) EXPECT_EQ(tree.nodes[i].value, sums[i]);
}

TEST(CallTreeTest, FoldsStacksFromTheRoot) {
  FakeSource source;
  const StackId main = source.Stack({"main"});
  const StackId put = source.Stack(std::vector<Frame>{
      {"put", "app", "/srv/app.py", 9, Language::kPython}, source.stacks().leaf(main)});
  const std::vector<StackAmount> amounts = {
      {put, {100, 2}, {10, 1}}, {main, {5, 1}, {}}, {put, {1, 1}, {}}};
  const CallTree tree = BuildCallTree(source.stacks(), amounts);
  ASSERT_EQ(tree.nodes.size(), 3u);
  EXPECT_EQ(source.stacks().frame(tree.nodes[1].frame).function, "main");
  EXPECT_EQ(tree.nodes[1].value, (Amount{106, 4}));
  EXPECT_EQ(tree.nodes[1].self_value, (Amount{5, 1}));
  EXPECT_EQ(tree.nodes[2].value, (Amount{101, 3}));
  ExpectConsistent(tree, 106, 10);
}

TEST(CallTreeTest, StacksWithoutFramesAreNodesOfTheirOwn) {
  FakeSource source;
  const StackId deep = source.Stack({"deep"}, kTruncatedRoot);
  const std::vector<StackAmount> amounts = {{kNoPython, {1, 1}, {}},
                                            {kUnknownStack, {2, 1}, {}},
                                            {deep, {4, 1}, {}},
                                            {source.Stack({"main"}), {8, 1}, {}},
                                            {kNoPython, {16, 1}, {}}};
  const CallTree tree = BuildCallTree(source.stacks(), amounts);
  ExpectConsistent(tree, 31, 0);
  ASSERT_EQ(tree.nodes.size(), 6u);
  EXPECT_EQ(tree.nodes[1].kind, CallKind::kWithoutPython);
  EXPECT_EQ(tree.nodes[1].value.bytes, 17u);
  EXPECT_EQ(tree.nodes[2].kind, CallKind::kFrame);
  EXPECT_EQ(tree.nodes[2].parent, 0u);
  EXPECT_EQ(tree.nodes[3].kind, CallKind::kTruncated);
  EXPECT_EQ(tree.nodes[4].kind, CallKind::kFrame);
  EXPECT_EQ(tree.nodes[4].parent, 3u);
}

TEST(CallTreeTest, PruningMergesSmallChildrenAndKeepsTotals) {
  std::mt19937 random(2);
  FakeSource source;
  std::vector<StackAmount> amounts;
  Bytes value = 0;
  Bytes baseline = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<Frame> frames;
    const std::size_t depth = random() % 6;
    for (std::size_t d = 0; d < depth; ++d) {
      frames.push_back({"f", "", "", static_cast<int>(random() % 8), Language::kPython});
    }
    const Amount now{random() % 1000 * (random() % 50 == 0 ? 100 : 1), 1};
    const Amount before{random() % 1000, 1};
    amounts.push_back({source.Stack(frames), now, before});
    value += now.bytes;
    baseline += before.bytes;
  }
  const CallTree tree = BuildCallTree(source.stacks(), amounts);
  ExpectConsistent(tree, value, baseline);
  const CallTree pruned = Prune(tree, 0.005);
  ExpectConsistent(pruned, value, baseline);
  EXPECT_LT(pruned.nodes.size(), tree.nodes.size());
  std::uint64_t merged = 0;
  std::uint64_t drawn = 0;
  for (const CallNode& node : pruned.nodes) {
    merged += node.merged;
    drawn += node.kind == CallKind::kMerged ? 0 : 1;
  }
  EXPECT_EQ(merged + drawn, tree.nodes.size());
}

TEST(CallTreeTest, EmptySessionIsARoot) {
  const FakeSource source;
  EXPECT_EQ(BuildCallTree(source.stacks(), {}).nodes.size(), 1u);
}

}  // namespace
}  // namespace memwhy::model
