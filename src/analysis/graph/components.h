// SPDX-License-Identifier: Apache-2.0
//
// Strongly connected components: nodes that reach each other, so a component of several nodes, or
// of one with an edge to itself, is a cycle. All nodes take part, reached from the root or not.
//
// Pearce's algorithm ("A space-efficient algorithm for finding strongly connected components",
// 2016), iterative: 12 bytes and a bit per node, the result among them.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/graph/csr.h"

namespace memwhy::analysis {

struct Components {
  // By node, from 0, in reverse topological order: an edge leads to its own component or a smaller.
  std::vector<std::uint32_t> component;
  std::uint32_t count = 0;
};

Components FindComponents(const Csr& graph);

}  // namespace memwhy::analysis
