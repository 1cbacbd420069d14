// SPDX-License-Identifier: Apache-2.0
#include "analysis/graph/retained.h"

#include <gtest/gtest.h>

#include "analysis/graph/fake_graph.h"
#include "analysis/graph/reachability.h"

namespace memwhy::analysis {
namespace {

// Three columns and a count, summed over what is reachable only through each node.
TEST(RetainedTest, IsWhatCannotBeReachedWithoutTheNode) {
  for (std::uint64_t seed = 0; seed < kSmallGraphs; ++seed) {
    FakeGraph fake = SmallGraph(seed);
    const Csr& graph = fake.csr();
    const std::uint32_t nodes = graph.nodes();
    Dice dice(seed);
    std::vector<std::vector<std::uint64_t>> shallow(3, std::vector<std::uint64_t>(nodes));
    std::vector<std::uint32_t> counts(nodes);
    for (std::uint32_t v = 0; v < nodes; ++v) {
      for (auto& column : shallow) column[v] = dice.OneIn(4) ? 0 : dice.Below(1u << 30);
      counts[v] = v != 0 && !dice.OneIn(4);
    }
    auto expected = shallow;
    auto expected_counts = counts;
    const std::vector<bool> reached = ReachedFrom(graph, 0);
    for (std::uint32_t v = 0; v < nodes; ++v) {
      if (!reached[v]) continue;
      const std::vector<bool> without = ReachedFrom(graph, 0, v);
      for (std::uint32_t u = 0; u < nodes; ++u) {
        if (u == v || !reached[u] || without[u]) continue;
        for (std::size_t i = 0; i < 3; ++i) expected[i][v] += shallow[i][u];
        expected_counts[v] += counts[u];
      }
    }
    const std::vector<std::span<std::uint64_t>> columns(shallow.begin(), shallow.end());
    Retain(FindDominators(graph), columns, counts);
    ASSERT_EQ(shallow, expected) << Describe(graph, seed);
    ASSERT_EQ(counts, expected_counts) << Describe(graph, seed);
  }
}

TEST(RetainedTest, SignedSizesMayFall) {
  Dice dice(1);
  FakeGraph graph = TreeGraph(3, 1, dice);
  std::vector<std::int64_t> sizes = {1, -5, 2};
  const std::span<std::int64_t> column = sizes;
  Retain(FindDominators(graph.csr()), {&column, 1});
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{-2, -3, 2}));
}

TEST(RetainedTest, SumsWrapAround) {
  Dice dice(1);
  FakeGraph graph = TreeGraph(2, 1, dice);
  const Dominators dominators = FindDominators(graph.csr());
  std::vector<std::uint64_t> sizes = {2, ~std::uint64_t{0}};
  const std::span<std::uint64_t> column = sizes;
  Retain(dominators, {&column, 1});
  EXPECT_EQ(sizes[0], 1u);
  std::vector<std::int64_t> signed_sizes = {1, INT64_MAX};
  const std::span<std::int64_t> signed_column = signed_sizes;
  Retain(dominators, {&signed_column, 1});
  EXPECT_EQ(signed_sizes[0], INT64_MIN);
}

TEST(RetainedTest, AChainOfMillionsIsSummedFromItsEnd) {
  constexpr std::uint32_t kNodes = 5'000'000;
  Dice dice(1);
  FakeGraph graph = TreeGraph(kNodes, 1, dice);
  std::vector<std::uint64_t> sizes(kNodes, 16);
  std::vector<std::uint32_t> counts(kNodes, 1);
  const std::span<std::uint64_t> column = sizes;
  Retain(FindDominators(graph.csr()), {&column, 1}, counts);
  for (std::uint32_t node = 0; node < kNodes; ++node) {
    ASSERT_EQ(counts[node], kNodes - node);
    ASSERT_EQ(sizes[node], std::uint64_t{16} * (kNodes - node));
  }
}

}  // namespace
}  // namespace memwhy::analysis
