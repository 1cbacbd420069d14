// SPDX-License-Identifier: Apache-2.0
//
// Immediate dominators: the last node that every path from the root to a node goes through. Without
// it the node would be unreachable, so what a node retains is what it dominates (retained.h).
//
// Semi-NCA (Georgiadis and Tarjan). Its one quadratic step, the walk from a node's parent up to its
// semidominator, changes to skip pointers once the walks have become long: a long chain whose end
// holds many objects that others hold, too, would else cost days. So the time is within
// O(edges * log nodes) for every graph. No recursion. Beside the graph and the result (8 bytes a
// node) it needs 12 bytes a node and 4 for each edge that is no edge of the search tree.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/graph/csr.h"

namespace memwhy::analysis {

struct Dominators {
  // By node. The root is its own; kNoNode for what no path from the root reaches.
  std::vector<std::uint32_t> idom;
  // What the root reaches, in depth-first order: each node stands behind its dominator.
  std::vector<std::uint32_t> preorder;
};

// Where the algorithm changes its ways. The defaults fit; tests set them to 0 to go every way.
struct DominatorLimits {
  std::uint64_t narrow_edges = 0xffffffff;  // with more edges offsets take 8 bytes
  std::uint64_t walk_steps_per_node = 8;    // on average; beyond, skip pointers are built
};

Dominators FindDominators(const Csr& graph, const DominatorLimits& limits = {});

}  // namespace memwhy::analysis
