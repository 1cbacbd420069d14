// SPDX-License-Identifier: Apache-2.0
//
// The cheapest path from the root to every node, as parents. Costs say which edges a person would
// rather read: a hop that needs no words costs 0, an attribute 1, a pointer found by a scan more;
// and the costs of the root's own edges put the kinds of roots in order. Of paths with the same
// cost the first that is found stays, so the result is a function of the graph.
//
// Dijkstra's algorithm with one bucket per cost, for costs of a byte are few: linear in edges.
// Needs 4 bytes a node for the result, a byte and a bit beside it, and 4 for each node that waits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/graph/csr.h"

namespace memwhy::analysis {

struct ShortestPaths {
  // By node. The root is its own parent; kNoNode for what no path from the root reaches.
  std::vector<std::uint32_t> parent;

  // The nodes from the root to `node`, both included; empty if there is no path.
  std::vector<std::uint32_t> PathTo(std::uint32_t node) const;
};

// `costs` by edge, parallel to graph.target; when empty, each edge costs 1.
ShortestPaths FindShortestPaths(const Csr& graph, std::span<const std::uint8_t> costs);

// The edge by which a path goes from `from` to `to`: the first of the cheapest. Takes as long as
// `from` has edges. graph.target.size() if there is none.
std::uint64_t CheapestEdge(const Csr& graph, std::span<const std::uint8_t> costs,
                           std::uint32_t from, std::uint32_t to);

}  // namespace memwhy::analysis
