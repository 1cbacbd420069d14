// SPDX-License-Identifier: Apache-2.0
#include "analysis/graph/dominators.h"

#include <gtest/gtest.h>

#include "analysis/graph/fake_graph.h"
#include "analysis/graph/reachability.h"

namespace memwhy::analysis {
namespace {

using Nodes = std::vector<std::uint32_t>;

constexpr DominatorLimits kWide = {.narrow_edges = 0};
constexpr DominatorLimits kSkips = {.walk_steps_per_node = 0};

// By definition: d dominates v if v is out of reach without d, and the immediate dominator is the
// one that all the others dominate, so it has the most dominators itself.
Nodes NaiveIdoms(const Csr& graph) {
  const std::uint32_t nodes = graph.nodes();
  const std::vector<bool> reached = ReachedFrom(graph, 0);
  std::vector<std::vector<bool>> without;
  Nodes dominators(nodes, 0);
  for (std::uint32_t d = 0; d < nodes; ++d) {
    without.push_back(ReachedFrom(graph, 0, d));
    for (std::uint32_t v = 0; v < nodes; ++v) dominators[v] += reached[v] && !without[d][v];
  }
  Nodes idom(nodes, kNoNode);
  idom[0] = 0;
  for (std::uint32_t v = 1; v < nodes; ++v) {
    for (std::uint32_t d = 0; d < nodes && reached[v]; ++d) {
      if (d == v || without[d][v]) continue;
      if (idom[v] == kNoNode || dominators[d] > dominators[idom[v]]) idom[v] = d;
    }
  }
  return idom;
}

void ExpectPreorder(const Dominators& result) {
  std::vector<bool> seen(result.idom.size());
  std::size_t reached = 0;
  for (const std::uint32_t idom : result.idom) reached += idom != kNoNode;
  ASSERT_EQ(result.preorder.size(), reached);
  ASSERT_EQ(result.preorder[0], 0u);
  for (const std::uint32_t node : result.preorder) {
    ASSERT_NE(result.idom[node], kNoNode);
    ASSERT_FALSE(seen[node]);
    ASSERT_TRUE(node == 0 || seen[result.idom[node]]);
    seen[node] = true;
  }
}

TEST(DominatorsTest, AreThoseOfTheDefinition) {
  for (std::uint64_t seed = 0; seed < kSmallGraphs; ++seed) {
    FakeGraph graph = SmallGraph(seed);
    const Nodes expected = NaiveIdoms(graph.csr());
    const Dominators result = FindDominators(graph.csr());
    ASSERT_EQ(result.idom, expected) << Describe(graph.csr(), seed);
    ASSERT_NO_FATAL_FAILURE(ExpectPreorder(result)) << Describe(graph.csr(), seed);
    ASSERT_EQ(FindDominators(graph.csr(), kSkips).idom, expected) << Describe(graph.csr(), seed);
    ASSERT_EQ(FindDominators(graph.csr(), kWide).idom, expected) << Describe(graph.csr(), seed);
  }
}

// Larger graphs than the oracle can take, each way against the other.
TEST(DominatorsTest, AreTheSameWithSkipPointers) {
  Dice dice(7);
  std::vector<FakeGraph> graphs;
  graphs.push_back(RandomGraph(50000, 75000, dice));
  graphs.push_back(RandomGraph(50000, 250000, dice));
  graphs.push_back(LinkedChain(50000, dice));
  graphs.push_back(GridGraph(200, 250));
  graphs.push_back(PythonLikeGraph(50000, dice));
  graphs.push_back(TreeGraph(50000, 100, dice));
  for (FakeGraph& graph : graphs) {
    const Dominators walked = FindDominators(graph.csr(), {.walk_steps_per_node = 1u << 20});
    const Dominators skipped = FindDominators(graph.csr(), kSkips);
    EXPECT_EQ(walked.idom, skipped.idom);
    EXPECT_NO_FATAL_FAILURE(ExpectPreorder(walked));
  }
}

TEST(DominatorsTest, OfNothingAreNone) {
  EXPECT_TRUE(FindDominators(Csr{}).idom.empty());
  FakeGraph root(1);
  EXPECT_EQ(FindDominators(root.csr()).idom, Nodes{0});
  EXPECT_EQ(FindDominators(root.csr()).preorder, Nodes{0});
}

TEST(DominatorsTest, OfAChainOfMillionsNeedNoStack) {
  constexpr std::uint32_t kNodes = 5'000'000;
  Dice dice(1);
  FakeGraph graph = TreeGraph(kNodes, 1, dice);
  const Dominators result = FindDominators(graph.csr());
  for (std::uint32_t node = 1; node < kNodes; ++node) ASSERT_EQ(result.idom[node], node - 1);
}

// One path through the whole chain is compressed at once: its end has an edge back to its start.
TEST(DominatorsTest, OfARingOfMillionsNeedNoStack) {
  constexpr std::uint32_t kNodes = 5'000'000;
  FakeGraph graph(kNodes);
  for (std::uint32_t node = 1; node < kNodes; ++node) graph.Edge(node - 1, node);
  graph.Edge(kNodes - 1, 1);
  const Dominators result = FindDominators(graph.csr());
  for (std::uint32_t node = 1; node < kNodes; ++node) ASSERT_EQ(result.idom[node], node - 1);
}

TEST(DominatorsTest, OfAStarOfMillionsAreTheRoot) {
  constexpr std::uint32_t kNodes = 5'000'000;
  FakeGraph graph = StarGraph(kNodes);
  EXPECT_EQ(FindDominators(graph.csr()).idom, Nodes(kNodes, 0));
}

// Walks alone would take 10^12 steps here.
TEST(DominatorsTest, OfSharedObjectsAtTheEndOfAChainAreFoundBySkips) {
  constexpr std::uint32_t kHalf = 1'000'000;
  FakeGraph graph = ChainWithSharedEnd(kHalf, kHalf);
  const Dominators result = FindDominators(graph.csr());
  for (std::uint32_t node = 1; node <= kHalf; ++node) {
    ASSERT_EQ(result.idom[node], node - 1);
    ASSERT_EQ(result.idom[kHalf + node], 0u);
  }
}

}  // namespace
}  // namespace memwhy::analysis
