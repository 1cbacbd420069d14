// SPDX-License-Identifier: Apache-2.0
//
// Graphs of known shapes, for tests and benchmarks: the same seed makes the same graph everywhere.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "analysis/graph/csr.h"

namespace memwhy::analysis {

// Small numbers from one generator; a modulo's bias does not matter here, sameness does.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint32_t Below(std::uint64_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  bool OneIn(std::uint64_t limit) { return Below(limit) == 0; }

 private:
  std::mt19937_64 random_;
};

class FakeGraph {
 public:
  explicit FakeGraph(std::uint32_t nodes) : nodes_(nodes) {}
  FakeGraph(FakeGraph&&) = default;  // a copy's spans would look at the original

  void Edge(std::uint32_t from, std::uint32_t to) { edges_.push_back({from, to}); }
  void Reserve(std::size_t edges) { edges_.reserve(edges); }
  std::uint32_t nodes() const { return nodes_; }
  std::uint64_t edges() const { return target_.size() + edges_.size(); }

  // Edges of a node stay in the order in which they came. No edge can be added afterwards.
  const Csr& csr() {
    if (!begin_.empty()) return csr_;
    begin_.assign(std::size_t{nodes_} + 1, 0);
    target_.resize(edges_.size());
    for (const auto& [from, to] : edges_) ++begin_[from + 1];
    for (std::uint32_t node = 0; node < nodes_; ++node) begin_[node + 1] += begin_[node];
    std::vector<std::uint64_t> next(begin_.begin(), begin_.end() - 1);
    for (const auto& [from, to] : edges_) target_[next[from]++] = to;
    edges_ = {};
    csr_ = {begin_, target_};
    return csr_;
  }

 private:
  std::uint32_t nodes_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges_;
  std::vector<std::uint64_t> begin_;
  std::vector<std::uint32_t> target_;
  Csr csr_;
};

inline FakeGraph RandomGraph(std::uint32_t nodes, std::uint64_t edges, Dice& dice) {
  FakeGraph graph(nodes);
  graph.Reserve(edges);
  for (std::uint64_t i = 0; i < edges; ++i) {
    const std::uint32_t from = dice.Below(nodes);
    graph.Edge(from, dice.Below(nodes));
  }
  return graph;
}

// Every node but the root below an earlier one; with `window` 1 it is a chain.
inline FakeGraph TreeGraph(std::uint32_t nodes, std::uint32_t window, Dice& dice) {
  FakeGraph graph(nodes);
  for (std::uint32_t node = 1; node < nodes; ++node) {
    graph.Edge(node - 1 - dice.Below(std::min(window, node)), node);
  }
  return graph;
}

inline FakeGraph StarGraph(std::uint32_t nodes) {
  FakeGraph graph(nodes);
  graph.Reserve(nodes);
  for (std::uint32_t node = 1; node < nodes; ++node) graph.Edge(0, node);
  return graph;
}

// A chain linked both ways, and one more edge per node to anywhere before it.
inline FakeGraph LinkedChain(std::uint32_t nodes, Dice& dice) {
  FakeGraph graph(nodes);
  graph.Reserve(std::size_t{3} * nodes);
  for (std::uint32_t node = 1; node < nodes; ++node) {
    graph.Edge(node - 1, node);
    graph.Edge(node, node - 1);
    graph.Edge(node, dice.Below(node));
  }
  return graph;
}

inline FakeGraph GridGraph(std::uint32_t width, std::uint32_t height) {
  FakeGraph graph(width * height);
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      if (x + 1 < width) graph.Edge(y * width + x, y * width + x + 1);
      if (y + 1 < height) graph.Edge(y * width + x, (y + 1) * width + x);
    }
  }
  return graph;
}

inline FakeGraph CompleteGraph(std::uint32_t nodes) {
  FakeGraph graph(nodes);
  for (std::uint32_t from = 0; from < nodes; ++from) {
    for (std::uint32_t to = 0; to < nodes; ++to) graph.Edge(from, to);
  }
  return graph;
}

// Records of nine objects each, as a service keeps them: an instance, its dict, and values in it.
// All are in one list; each knows the next, which makes a path as long as there are records, and
// some another one or a shared cache: 1.2 edges a node.
inline FakeGraph PythonLikeGraph(std::uint32_t nodes, Dice& dice) {
  constexpr std::uint32_t kFirst = 4;  // after the root, a module's dict, the list, the cache
  constexpr std::uint32_t kRecord = 9;
  const std::uint32_t records = nodes > kFirst ? (nodes - kFirst) / kRecord : 0;
  FakeGraph graph(kFirst + records * kRecord);
  graph.Reserve(std::size_t{11} * records + kFirst);
  const auto instance = [](std::uint32_t record) { return kFirst + record * kRecord; };
  graph.Edge(0, 1);
  graph.Edge(1, 2);
  graph.Edge(1, 3);
  for (std::uint32_t record = 0; record < records; ++record) {
    const std::uint32_t self = instance(record);
    const std::uint32_t dict = self + 1;
    graph.Edge(2, self);
    graph.Edge(self, dict);
    for (std::uint32_t value = 2; value <= 6; ++value) graph.Edge(dict, self + value);
    graph.Edge(self + 4, self + 7);  // the list's item
    graph.Edge(self + 5, self + 8);  // the tuple's
    if (record + 1 < records) graph.Edge(dict, instance(record + 1));
    if (dice.OneIn(2)) graph.Edge(dict, instance(dice.Below(records)));
    if (dice.OneIn(8)) graph.Edge(self, 3);
    if (dice.OneIn(8)) graph.Edge(3, self + 2 + dice.Below(7));
  }
  return graph;
}

// A long chain whose end holds what the root holds, too: each of these `shared` nodes is dominated
// by the root, far above its parent in the search tree.
inline FakeGraph ChainWithSharedEnd(std::uint32_t chain, std::uint32_t shared) {
  FakeGraph graph(1 + chain + shared);
  for (std::uint32_t node = 1; node <= chain; ++node) graph.Edge(node - 1, node);
  for (std::uint32_t node = 1; node <= shared; ++node) {
    graph.Edge(chain, chain + node);
    graph.Edge(0, chain + node);
  }
  return graph;
}

// A small graph of some shape, often with edges twice, edges from a node to itself, edges back to
// the root, and nodes that nothing reaches; node numbers are shuffled, so order tells nothing.
inline FakeGraph SmallGraph(std::uint64_t seed) {
  Dice dice(seed);
  const std::uint32_t nodes = 1 + dice.Below(dice.OneIn(8) ? 60 : 16);
  FakeGraph shape = [&] {
    switch (dice.Below(10)) {
      case 0:
        return RandomGraph(nodes, nodes, dice);
      case 1:
        return RandomGraph(nodes, nodes * 2, dice);
      case 2:
        return RandomGraph(nodes, nodes * 4, dice);
      case 3:
        return TreeGraph(nodes, 1 + dice.Below(nodes), dice);
      case 4:
        return LinkedChain(nodes, dice);
      case 5:
        return GridGraph(1 + dice.Below(6), 1 + dice.Below(6));
      case 6:
        return CompleteGraph(1 + dice.Below(9));
      case 7:
        return PythonLikeGraph(nodes, dice);
      case 8:
        return StarGraph(nodes);
      default:
        return ChainWithSharedEnd(1 + dice.Below(12), 1 + dice.Below(8));
    }
  }();
  const std::uint32_t unreached = dice.OneIn(3) ? dice.Below(6) : 0;
  const std::uint32_t all = shape.nodes() + unreached;
  std::vector<std::uint32_t> name(all);
  for (std::uint32_t node = 0; node < all; ++node) name[node] = node;
  for (std::uint32_t node = all - 1; node > 1; --node) {
    std::swap(name[node], name[1 + dice.Below(node)]);
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;
  for (std::uint32_t from = 0; from < shape.nodes(); ++from) {
    for (const std::uint32_t to : shape.csr().out(from)) edges.push_back({from, to});
  }
  const std::uint32_t extra = dice.OneIn(2) ? dice.Below(1 + all / 2) : 0;
  for (std::uint32_t i = 0; i < extra; ++i) {
    const std::uint32_t from = dice.Below(all);
    const std::uint32_t to =
        dice.OneIn(3) ? from : dice.Below(from >= shape.nodes() ? all : shape.nodes());
    edges.push_back({from, to});
    if (!edges.empty() && dice.OneIn(2)) edges.push_back(edges[dice.Below(edges.size())]);
  }
  for (std::size_t i = edges.size(); i > 1; --i) {
    std::swap(edges[i - 1], edges[dice.Below(i)]);
  }
  FakeGraph graph(all);
  for (const auto& [from, to] : edges) graph.Edge(name[from], name[to]);
  return graph;
}

// How many of them a test looks at: a debug build, which the sanitizers' is, takes longer.
#ifdef NDEBUG
inline constexpr std::uint64_t kSmallGraphs = 10000;
#else
inline constexpr std::uint64_t kSmallGraphs = 1000;
#endif

// The graph as a failed test shows it.
inline std::string Describe(const Csr& graph, std::uint64_t seed) {
  std::string text = "seed " + std::to_string(seed) + ":";
  for (std::uint32_t from = 0; from < graph.nodes(); ++from) {
    for (const std::uint32_t to : graph.out(from)) {
      text += " " + std::to_string(from) + ">" + std::to_string(to);
    }
  }
  return text;
}

}  // namespace memwhy::analysis
