// SPDX-License-Identifier: Apache-2.0
#include "model/sites/site_amounts.h"

#include <gtest/gtest.h>

#include "model/sites/fake_source.h"
#include "model/sites/largest_nodes.h"

namespace memwhy::model {
namespace {

class SiteAmountsTest : public testing::Test {
 protected:
  SiteAmountsTest() {
    const auto worker = source_.AddThread(ProcessId{0}, 101, "worker");
    const auto child = source_.AddProcess(200, 100);
    const StackId put = source_.Stack({"put", "main"});
    const StackId native = source_.Stack(std::vector<Frame>{
        {"array", "", "", 0, Language::kC}, {"load", "data", "/d.py", 3, Language::kPython}});
    Add({ProcessId{0}, ThreadId{0}, wire::Allocator::kMalloc, put}, 100, 10);
    Add({ProcessId{0}, worker, wire::Allocator::kMmap, put}, 50, 0);
    Add({child, ThreadId{0}, wire::Allocator::kMalloc, native}, 30, 7);
    Add({ProcessId{0}, ThreadId{0}, wire::Allocator::kMalloc, kNoPython}, 0, 5);
    Add({ProcessId{0}, ThreadId{0}, wire::Allocator::kMalloc, kUnknownStack}, 3, 0);
    Add({ProcessId{0}, ThreadId{0}, wire::Allocator::kMalloc,
         source_.Stack({"deep"}, kTruncatedRoot)},
        2, 0);
  }

  void Add(const SiteKey& key, Bytes value, Bytes baseline) {
    sites_.push_back({key, {value, value > 0 ? 1u : 0u}, {baseline, baseline > 0 ? 1u : 0u}});
  }

  FakeSource source_;
  std::vector<SiteAmount> sites_;
};

TEST_F(SiteAmountsTest, EveryGroupingHasTheSameSum) {
  for (const GroupBy by :
       {GroupBy::kStack, GroupBy::kModule, GroupBy::kThread, GroupBy::kProcess}) {
    Amount value;
    Amount baseline;
    std::uint64_t sites = 0;
    for (const SiteGroup& group : GroupSites(source_.stacks(), sites_, by)) {
      value += group.value;
      baseline += group.baseline;
      sites += group.sites;
    }
    EXPECT_EQ(value, (Amount{185, 5}));
    EXPECT_EQ(baseline, (Amount{22, 3}));
    EXPECT_EQ(sites, sites_.size());
  }
  const CallTree tree = BuildCallTree(source_.stacks(), SumByStack(sites_));
  EXPECT_EQ(tree.nodes[0].value, (Amount{185, 5}));
  EXPECT_EQ(tree.nodes[0].baseline, (Amount{22, 3}));
}

TEST_F(SiteAmountsTest, StacksAreSummedOverThreads) {
  const auto groups = GroupSites(source_.stacks(), sites_, GroupBy::kStack);
  ASSERT_EQ(groups.size(), 5u);
  EXPECT_EQ(groups[0].value.bytes, 150u);
  EXPECT_EQ(groups[0].sites, 2u);
  EXPECT_EQ(groups.back().baseline.bytes, 5u) << "no value: behind all that have one";
}

TEST_F(SiteAmountsTest, ModuleIsTheInnermostThatIsKnown) {
  const auto groups = GroupSites(source_.stacks(), sites_, GroupBy::kModule);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].module, "app");
  EXPECT_EQ(groups[1].module, "data");
  EXPECT_EQ(groups[2].module, "");
}

TEST_F(SiteAmountsTest, AThreadOfAnotherProcessIsAnotherGroup) {
  EXPECT_EQ(GroupSites(source_.stacks(), sites_, GroupBy::kThread).size(), 3u);
  EXPECT_EQ(GroupSites(source_.stacks(), sites_, GroupBy::kProcess).size(), 2u);
}

TEST_F(SiteAmountsTest, InvertedTreeBeginsAtTheLeavesAndKeepsTheSum) {
  const InvertedStacks inverted = Invert(source_.stacks(), SumByStack(sites_));
  const CallTree tree = BuildCallTree(inverted.stacks, inverted.amounts);
  EXPECT_EQ(tree.nodes[0].value, (Amount{185, 5}));
  ASSERT_EQ(tree.nodes[1].kind, CallKind::kFrame);
  EXPECT_EQ(inverted.stacks.frame(tree.nodes[1].frame).function, "put");
  EXPECT_EQ(tree.nodes[1].self_value, Amount{});
  EXPECT_EQ(inverted.stacks.frame(tree.nodes[2].frame).function, "main");
  EXPECT_EQ(tree.nodes[2].self_value, (Amount{150, 2}));
}

TEST_F(SiteAmountsTest, LargestNodesKeepTheirParentsAndTheTotals) {
  const CallTree tree = BuildCallTree(source_.stacks(), SumByStack(sites_));
  for (std::size_t count = 0; count <= tree.nodes.size(); ++count) {
    const CallTree kept = KeepLargest(tree, count);
    Amount self;
    std::uint64_t nodes = 0;
    for (std::size_t i = 0; i < kept.nodes.size(); ++i) {
      if (i > 0) {
        EXPECT_LT(kept.nodes[i].parent, i);
      }
      self += kept.nodes[i].self_value;
      nodes += kept.nodes[i].kind == CallKind::kMerged ? kept.nodes[i].merged : 1;
    }
    EXPECT_EQ(self, (Amount{185, 5})) << count;
    EXPECT_EQ(nodes, tree.nodes.size()) << count;
  }
}

}  // namespace
}  // namespace memwhy::model
