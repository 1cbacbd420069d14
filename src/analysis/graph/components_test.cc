// SPDX-License-Identifier: Apache-2.0
#include "analysis/graph/components.h"

#include <gtest/gtest.h>

#include "analysis/graph/fake_graph.h"
#include "analysis/graph/reachability.h"

namespace memwhy::analysis {
namespace {

void ExpectReverseTopologicalOrder(const Csr& graph, const Components& result) {
  std::vector<bool> is_used(result.count);
  for (std::uint32_t from = 0; from < graph.nodes(); ++from) {
    ASSERT_LT(result.component[from], result.count);
    is_used[result.component[from]] = true;
    for (const std::uint32_t to : graph.out(from)) {
      ASSERT_LE(result.component[to], result.component[from]) << from << ">" << to;
    }
  }
  for (std::uint32_t i = 0; i < result.count; ++i) ASSERT_TRUE(is_used[i]) << i;
}

TEST(ComponentsTest, AreNodesThatReachEachOther) {
  for (std::uint64_t seed = 0; seed < kSmallGraphs; ++seed) {
    FakeGraph graph = SmallGraph(seed);
    const std::uint32_t nodes = graph.nodes();
    std::vector<std::vector<bool>> reaches;
    for (std::uint32_t v = 0; v < nodes; ++v) reaches.push_back(ReachedFrom(graph.csr(), v));
    const Components result = FindComponents(graph.csr());
    ASSERT_EQ(result.component.size(), nodes);
    for (std::uint32_t v = 0; v < nodes; ++v) {
      for (std::uint32_t u = 0; u < nodes; ++u) {
        ASSERT_EQ(result.component[v] == result.component[u], reaches[v][u] && reaches[u][v])
            << v << " and " << u << ", " << Describe(graph.csr(), seed);
      }
    }
    ASSERT_NO_FATAL_FAILURE(ExpectReverseTopologicalOrder(graph.csr(), result))
        << Describe(graph.csr(), seed);
  }
}

TEST(ComponentsTest, OfNothingAreNone) { EXPECT_EQ(FindComponents(Csr{}).count, 0u); }

TEST(ComponentsTest, AChainOfMillionsHasOneEach) {
  constexpr std::uint32_t kNodes = 5'000'000;
  Dice dice(1);
  FakeGraph graph = TreeGraph(kNodes, 1, dice);
  const Components result = FindComponents(graph.csr());
  EXPECT_EQ(result.count, kNodes);
  EXPECT_NO_FATAL_FAILURE(ExpectReverseTopologicalOrder(graph.csr(), result));
}

TEST(ComponentsTest, AChainLinkedBothWaysIsOne) {
  constexpr std::uint32_t kNodes = 5'000'000;
  Dice dice(1);
  FakeGraph graph = LinkedChain(kNodes, dice);
  const Components result = FindComponents(graph.csr());
  EXPECT_EQ(result.count, 1u);
  EXPECT_EQ(result.component, std::vector<std::uint32_t>(kNodes, 0));
}

TEST(ComponentsTest, AStarOfMillionsHasTheRootLast) {
  constexpr std::uint32_t kNodes = 5'000'000;
  FakeGraph graph = StarGraph(kNodes);
  const Components result = FindComponents(graph.csr());
  EXPECT_EQ(result.count, kNodes);
  EXPECT_EQ(result.component[0], kNodes - 1);
}

}  // namespace
}  // namespace memwhy::analysis
