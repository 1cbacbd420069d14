// SPDX-License-Identifier: Apache-2.0
#include "analysis/graph/shortest_paths.h"

#include <algorithm>
#include <array>
#include <bit>

namespace memwhy::analysis {
namespace {

constexpr std::size_t kKeptCapacity = 1 << 16;  // of a bucket that has been worked off

std::uint8_t CostOf(std::span<const std::uint8_t> costs, std::uint64_t edge) {
  return costs.empty() ? 1 : costs[edge];
}

// All nodes that wait are less than 256 away from where the search stands, so a distance modulo 256
// is enough to compare them, and names their bucket.
class Buckets {
 public:
  std::vector<std::uint32_t>& at(std::uint8_t distance) { return buckets_[distance]; }
  void Put(std::uint8_t distance, std::uint32_t node) {
    buckets_[distance].push_back(node);
    is_filled_[distance / 64] |= std::uint64_t{1} << distance % 64;
  }
  void Clear(std::uint8_t distance) {
    auto& bucket = buckets_[distance];
    bucket.clear();
    if (bucket.capacity() > kKeptCapacity) bucket.shrink_to_fit();
    is_filled_[distance / 64] &= ~(std::uint64_t{1} << distance % 64);
  }
  // The first filled bucket from `distance` on, round by 256; false: all are empty.
  bool FindNext(std::uint8_t* distance) const {
    std::uint64_t word = is_filled_[*distance / 64] & (~std::uint64_t{0} << *distance % 64);
    for (std::size_t i = 0, at = *distance / 64; i <= kWords; ++i, at = (at + 1) % kWords) {
      if (i > 0) word = is_filled_[at];
      if (word == 0) continue;
      *distance =
          static_cast<std::uint8_t>(at * 64 + static_cast<unsigned>(std::countr_zero(word)));
      return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t kWords = 256 / 64;
  std::array<std::vector<std::uint32_t>, 256> buckets_;
  std::array<std::uint64_t, kWords> is_filled_{};
};

}  // namespace

ShortestPaths FindShortestPaths(const Csr& graph, std::span<const std::uint8_t> costs) {
  ShortestPaths paths;
  auto& parent = paths.parent;
  parent.assign(graph.nodes(), kNoNode);
  if (parent.empty()) return paths;
  std::vector<std::uint8_t> distance(graph.nodes());
  std::vector<bool> is_final(graph.nodes());
  Buckets buckets;
  parent[0] = 0;
  buckets.Put(0, 0);
  for (std::uint8_t now = 0; buckets.FindNext(&now);) {
    const auto& bucket = buckets.at(now);
    for (std::size_t i = 0; i < bucket.size(); ++i) {  // edges of cost 0 make it longer
      const std::uint32_t node = bucket[i];
      if (is_final[node]) continue;  // a cheaper way was found while it waited
      is_final[node] = true;
      for (std::uint64_t edge = graph.begin[node]; edge < graph.begin[node + 1]; ++edge) {
        const std::uint32_t to = graph.target[edge];
        if (is_final[to]) continue;
        const std::uint8_t cost = CostOf(costs, edge);
        const auto known = static_cast<std::uint8_t>(distance[to] - now);
        if (parent[to] != kNoNode && cost >= known) continue;
        parent[to] = node;
        distance[to] = static_cast<std::uint8_t>(now + cost);
        buckets.Put(distance[to], to);
      }
    }
    buckets.Clear(now);
  }
  return paths;
}

std::vector<std::uint32_t> ShortestPaths::PathTo(std::uint32_t node) const {
  std::vector<std::uint32_t> path;
  if (parent[node] == kNoNode) return path;
  for (; node != 0; node = parent[node]) path.push_back(node);
  path.push_back(0);
  std::reverse(path.begin(), path.end());
  return path;
}

std::uint64_t CheapestEdge(const Csr& graph, std::span<const std::uint8_t> costs,
                           std::uint32_t from, std::uint32_t to) {
  std::uint64_t best = graph.target.size();
  for (std::uint64_t edge = graph.begin[from]; edge < graph.begin[from + 1]; ++edge) {
    if (graph.target[edge] != to) continue;
    if (best == graph.target.size() || CostOf(costs, edge) < CostOf(costs, best)) best = edge;
  }
  return best;
}

}  // namespace memwhy::analysis
