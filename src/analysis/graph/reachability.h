// SPDX-License-Identifier: Apache-2.0
//
// What is reachable, the plain way; also the oracle of the tests of this folder.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/graph/csr.h"

namespace memwhy::analysis {

// By node: whether a path leads there from `start` that does not go through `without`.
inline std::vector<bool> ReachedFrom(const Csr& graph, std::uint32_t start,
                                     std::uint32_t without = kNoNode) {
  std::vector<bool> reached(graph.nodes());
  std::vector<std::uint32_t> waiting;
  if (start != without) {
    reached[start] = true;
    waiting.push_back(start);
  }
  while (!waiting.empty()) {
    const std::uint32_t node = waiting.back();
    waiting.pop_back();
    for (const std::uint32_t to : graph.out(node)) {
      if (to == without || reached[to]) continue;
      reached[to] = true;
      waiting.push_back(to);
    }
  }
  return reached;
}

}  // namespace memwhy::analysis
