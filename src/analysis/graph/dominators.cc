// SPDX-License-Identifier: Apache-2.0
#include "analysis/graph/dominators.h"

#include <algorithm>
#include <span>
#include <utility>

namespace memwhy::analysis {
namespace {

// How far memory is asked for before it is needed: most of the time is spent waiting for it.
constexpr std::uint32_t kAhead = 16;

using Numbers = std::vector<std::uint32_t>;

// Frees what an array held; clear() would keep it.
template <typename T>
void Drop(std::vector<T>* array) {
  *array = std::vector<T>();
}

// Works on preorder numbers: a node's number is its place in the depth-first search, so ancestors
// have smaller numbers. Arrays are by number where nothing else is said, are made by the step that
// needs them first and dropped by the last; five words a node live at any time, and the edges.
template <typename Offset>
class SemiNca {
 public:
  explicit SemiNca(const Csr& graph) : graph_(graph) {}

  Dominators Run(std::uint64_t walk_steps_per_node) {
    Search();
    CollectEntering();
    FindSemis();
    FindIdoms(walk_steps_per_node);
    return Result();
  }

 private:
  // Of the forest in which FindSemis asks: a node and those above it, up to a node that is not
  // linked.
  struct Link {
    std::uint32_t ancestor;
    std::uint32_t least;  // semidominator from the node up to, not including, the ancestor
  };

  // The edge of the tree says nothing about semidominators that parent_ does not say, nor does an
  // edge to the root or to its own node. Left out, they cost no memory. Children have larger
  // numbers.
  bool IsCounted(std::uint32_t from, std::uint32_t to) const {
    return to < from ? to != 0 : to != from && parent_[to] != from;
  }

  void AskFor(std::span<const std::uint32_t> nodes) const {
    for (const std::uint32_t node : nodes) {
      __builtin_prefetch(&number_[node]);
      __builtin_prefetch(&graph_.begin[node]);
    }
  }

  // Numbers what the root reaches and counts the edges that enter each node.
  void Search() {
    const std::size_t nodes = graph_.nodes();
    number_.assign(nodes, kNoNode);
    vertex_.resize(nodes);
    parent_.resize(nodes);
    first_.resize(nodes);
    Numbers next_edge(nodes);  // relative to the node's first
    number_[0] = 0;
    reached_ = 1;
    std::uint32_t current = 0;
    while (true) {
      const auto out = graph_.out(vertex_[current]);
      std::size_t edge = next_edge[current];
      std::uint32_t child = kNoNode;
      if (edge == 0) AskFor(out.first(std::min<std::size_t>(out.size(), kAhead)));
      while (edge < out.size()) {
        const std::uint32_t node = out[edge++];
        const std::uint32_t to = number_[node];
        if (to == kNoNode) {
          child = reached_++;
          number_[node] = child;
          vertex_[child] = node;
          parent_[child] = current;
          break;
        }
        if (IsCounted(current, to)) ++first_[to];
      }
      next_edge[current] = static_cast<std::uint32_t>(edge);
      if (child != kNoNode) {
        current = child;
      } else if (current != 0) {
        current = parent_[current];
      } else {
        return;
      }
    }
  }

  // Turns the counts in first_ into where each node's edges begin, and fills them in.
  void CollectEntering() {
    Offset end = 0;
    for (std::uint32_t w = 0; w < reached_; ++w) {
      end += first_[w];
      first_[w] = end;
    }
    entering_.resize(end);
    for (std::uint32_t from = 0; from < reached_; ++from) {
      if (from + 2 * kAhead < reached_) {
        __builtin_prefetch(&graph_.begin[vertex_[from + 2 * kAhead]]);
        __builtin_prefetch(graph_.out(vertex_[from + kAhead]).data());
      }
      for (const std::uint32_t node : graph_.out(vertex_[from])) {
        const std::uint32_t to = number_[node];
        if (IsCounted(from, to)) entering_[--first_[to]] = from;
      }
    }
    Drop(&number_);
  }

  // In falling order, so that what is numbered above w is linked: it has its semidominator, which
  // takes the place of the offset in first_ that nobody needs any more.
  void FindSemis() {
    links_.resize(reached_);
    for (std::uint32_t w = 0; w < reached_; ++w) links_[w] = {parent_[w], 0};
    Offset end = static_cast<Offset>(entering_.size());
    for (std::uint32_t w = reached_ - 1; w > 0; --w) {
      std::uint32_t semi = parent_[w];
      for (Offset i = end; i-- > first_[w];) {
        if (i >= kAhead) __builtin_prefetch(&links_[entering_[i - kAhead]]);
        const std::uint32_t from = entering_[i];
        semi = std::min(semi, from < w ? from : LeastOnPath(from, w));
      }
      end = first_[w];
      first_[w] = semi;
      links_[w].least = semi;
    }
    Drop(&entering_);
    Drop(&links_);
  }

  // The least semidominator from v up to, not including, the first node that is not linked (w or
  // smaller). Compresses the path: the way up turns the ancestors round and the way down sets them,
  // so that a path of millions needs no stack.
  std::uint32_t LeastOnPath(std::uint32_t v, std::uint32_t w) {
    std::uint32_t below = kNoNode;
    while (links_[v].ancestor > w) {
      const std::uint32_t above = links_[v].ancestor;
      links_[v].ancestor = below;
      below = v;
      v = above;
    }
    const std::uint32_t top = links_[v].ancestor;
    std::uint32_t semi = links_[v].least;
    while (below != kNoNode) {
      Link& link = links_[below];
      below = link.ancestor;
      semi = std::min(semi, link.least);
      link = {top, semi};
    }
    return semi;
  }

  // A node's dominator is the nearest dominator of its parent that is not below its semidominator.
  // In rising order, so that parent_ holds the dominators of what is smaller.
  void FindIdoms(std::uint64_t walk_steps_per_node) {
    const std::uint64_t limit = walk_steps_per_node * reached_;
    std::uint64_t steps = 0;
    std::uint32_t w = 1;
    for (; w < reached_ && steps <= limit; ++w) {
      std::uint32_t idom = parent_[w];
      for (; idom > first_[w]; ++steps) idom = parent_[idom];
      parent_[w] = idom;
      ++steps;
    }
    if (w < reached_) FindIdomsBySkips(w);
    Drop(&first_);
  }

  // The same from `from` on. skip leads some dominators up, as far as the node's depth in skew
  // binary numbers allows (Myers), so that a search takes a logarithm of steps.
  void FindIdomsBySkips(std::uint32_t from) {
    Numbers depth(reached_);
    Numbers skip(reached_);
    for (std::uint32_t w = 1; w < reached_; ++w) {
      std::uint32_t idom = parent_[w];
      if (w >= from) {
        while (idom > first_[w]) idom = skip[idom] >= first_[w] ? skip[idom] : parent_[idom];
        parent_[w] = idom;
      }
      depth[w] = depth[idom] + 1;
      const std::uint32_t one = skip[idom];
      const std::uint32_t two = skip[one];
      skip[w] = depth[idom] - depth[one] == depth[one] - depth[two] ? two : idom;
    }
  }

  Dominators Result() {
    Dominators result;
    result.idom.assign(graph_.nodes(), kNoNode);
    for (std::uint32_t w = 0; w < reached_; ++w) result.idom[vertex_[w]] = vertex_[parent_[w]];
    vertex_.resize(reached_);
    result.preorder = std::move(vertex_);
    return result;
  }

  const Csr& graph_;
  std::uint32_t reached_ = 0;
  Numbers number_;  // by node; kNoNode: not reached
  Numbers vertex_;  // the node of a number
  Numbers parent_;  // in the tree of the search; in the end the dominator
  std::vector<Offset> first_;
  Numbers entering_;
  std::vector<Link> links_;
};

}  // namespace

Dominators FindDominators(const Csr& graph, const DominatorLimits& limits) {
  if (graph.nodes() == 0) return {};
  if (graph.target.size() <= limits.narrow_edges) {
    return SemiNca<std::uint32_t>(graph).Run(limits.walk_steps_per_node);
  }
  return SemiNca<std::uint64_t>(graph).Run(limits.walk_steps_per_node);
}

}  // namespace memwhy::analysis
