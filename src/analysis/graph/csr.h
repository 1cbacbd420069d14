// SPDX-License-Identifier: Apache-2.0
//
// A directed graph as two arrays that somebody else owns: the edges of node v are
// target[begin[v] .. begin[v + 1]). Node 0 is the root. Several edges between the same two nodes,
// edges from a node to itself and nodes that no path from the root reaches are all allowed.
// Invariant, checked by whoever fills it from a file: offsets never fall, the last one is the
// number of targets, each target is a node, there are fewer than kNoNode nodes, and no node has
// 2^32 edges.
#pragma once

#include <cstdint>
#include <span>

namespace memwhy::analysis {

inline constexpr std::uint32_t kNoNode = 0xffffffff;

struct Csr {
  std::span<const std::uint64_t> begin;   // nodes + 1 offsets into target
  std::span<const std::uint32_t> target;  // by edge

  std::uint32_t nodes() const {
    return begin.empty() ? 0 : static_cast<std::uint32_t>(begin.size() - 1);
  }
  std::span<const std::uint32_t> out(std::uint32_t node) const {
    return target.subspan(begin[node], begin[node + 1] - begin[node]);
  }
};

}  // namespace memwhy::analysis
