// SPDX-License-Identifier: Apache-2.0
#include "analysis/graph/shortest_paths.h"

#include <gtest/gtest.h>

#include "analysis/graph/fake_graph.h"
#include "analysis/graph/reachability.h"

namespace memwhy::analysis {
namespace {

using Costs = std::vector<std::uint8_t>;
constexpr std::uint64_t kFar = ~std::uint64_t{0};

// Bellman and Ford's way: every edge again until nothing gets nearer.
std::vector<std::uint64_t> NaiveDistances(const Csr& graph, const Costs& costs) {
  std::vector<std::uint64_t> distance(graph.nodes(), kFar);
  distance[0] = 0;
  for (bool is_changed = true; is_changed;) {
    is_changed = false;
    for (std::uint32_t from = 0; from < graph.nodes(); ++from) {
      for (std::uint64_t e = graph.begin[from]; e < graph.begin[from + 1]; ++e) {
        if (distance[from] == kFar) continue;
        const std::uint64_t through = distance[from] + (costs.empty() ? 1 : costs[e]);
        if (through >= distance[graph.target[e]]) continue;
        distance[graph.target[e]] = through;
        is_changed = true;
      }
    }
  }
  return distance;
}

// What the path to `node` costs, edge by edge; kFar if there is none.
std::uint64_t CostOfPath(const Csr& graph, const Costs& costs, const ShortestPaths& paths,
                         std::uint32_t node) {
  const auto path = paths.PathTo(node);
  if (path.empty()) return kFar;
  EXPECT_EQ(path.front(), 0u);
  EXPECT_EQ(path.back(), node);
  std::uint64_t cost = 0;
  for (std::size_t i = 1; i < path.size(); ++i) {
    const std::uint64_t edge = CheapestEdge(graph, costs, path[i - 1], path[i]);
    if (edge == graph.target.size()) {
      ADD_FAILURE() << "no edge " << path[i - 1] << ">" << path[i];
      return kFar;
    }
    cost += costs.empty() ? 1 : costs[edge];
  }
  return cost;
}

void ExpectCheapest(const Csr& graph, const Costs& costs, std::uint64_t seed) {
  const ShortestPaths paths = FindShortestPaths(graph, costs);
  const auto expected = NaiveDistances(graph, costs);
  for (std::uint32_t node = 0; node < graph.nodes(); ++node) {
    ASSERT_EQ(CostOfPath(graph, costs, paths, node), expected[node])
        << "node " << node << ", " << costs.size() << " costs, " << Describe(graph, seed);
  }
}

TEST(ShortestPathsTest, CostWhatNoOtherPathUndercuts) {
  for (std::uint64_t seed = 0; seed < kSmallGraphs; ++seed) {
    FakeGraph graph = SmallGraph(seed);
    Dice dice(seed);
    const std::uint32_t limit = dice.OneIn(4) ? 256 : 4;
    Costs costs(graph.csr().target.size());
    for (auto& cost : costs) cost = static_cast<std::uint8_t>(dice.Below(limit));
    ASSERT_NO_FATAL_FAILURE(ExpectCheapest(graph.csr(), costs, seed));
    ASSERT_NO_FATAL_FAILURE(ExpectCheapest(graph.csr(), {}, seed));
  }
}

TEST(ShortestPathsTest, RootsThatSayMoreComeFirst) {
  FakeGraph graph(4);  // 1: a thread's state, 2: a module
  graph.Edge(0, 1);
  graph.Edge(0, 2);
  graph.Edge(1, 3);
  graph.Edge(2, 3);
  EXPECT_EQ(FindShortestPaths(graph.csr(), Costs{2, 0, 1, 1}).PathTo(3),
            (std::vector<std::uint32_t>{0, 2, 3}));
  EXPECT_EQ(FindShortestPaths(graph.csr(), Costs{0, 2, 1, 1}).PathTo(3),
            (std::vector<std::uint32_t>{0, 1, 3}));
}

TEST(ShortestPathsTest, OfEqualPathsTheFirstStays) {
  FakeGraph graph(4);
  graph.Edge(0, 2);
  graph.Edge(0, 1);
  graph.Edge(1, 3);
  graph.Edge(2, 3);
  EXPECT_EQ(FindShortestPaths(graph.csr(), {}).parent[3], 2u);
}

TEST(ShortestPathsTest, TheCheapestOfSeveralEdgesIsTheStep) {
  FakeGraph graph(3);
  graph.Edge(0, 1);
  graph.Edge(0, 2);
  graph.Edge(0, 1);
  graph.Edge(0, 1);
  const Costs costs = {3, 0, 1, 1};
  EXPECT_EQ(CheapestEdge(graph.csr(), costs, 0, 1), 2u);
  EXPECT_EQ(CheapestEdge(graph.csr(), {}, 0, 1), 0u);
  EXPECT_EQ(CheapestEdge(graph.csr(), costs, 1, 2), 4u);
}

TEST(ShortestPathsTest, OfNothingAreNone) {
  EXPECT_TRUE(FindShortestPaths(Csr{}, {}).parent.empty());
}

// Distances go up to 1.3 billion, and the search looks at each modulo 256.
TEST(ShortestPathsTest, AChainOfMillionsIsWalkedToItsEnd) {
  constexpr std::uint32_t kNodes = 5'000'000;
  Dice dice(1);
  FakeGraph graph = TreeGraph(kNodes, 1, dice);
  const Costs costs(kNodes - 1, 255);
  const ShortestPaths paths = FindShortestPaths(graph.csr(), costs);
  for (std::uint32_t node = 1; node < kNodes; ++node) ASSERT_EQ(paths.parent[node], node - 1);
}

TEST(ShortestPathsTest, AStarOfMillionsIsOneStep) {
  constexpr std::uint32_t kNodes = 5'000'000;
  FakeGraph graph = StarGraph(kNodes);
  EXPECT_EQ(FindShortestPaths(graph.csr(), {}).parent, std::vector<std::uint32_t>(kNodes, 0));
}

}  // namespace
}  // namespace memwhy::analysis
