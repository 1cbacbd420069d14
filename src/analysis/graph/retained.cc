// SPDX-License-Identifier: Apache-2.0
#include "analysis/graph/retained.h"

namespace memwhy::analysis {
namespace {

// Against the preorder a node comes when all that it dominates has been added to it.
template <typename Size>
void RetainColumns(const Dominators& dominators, std::span<const std::span<Size>> columns,
                   std::span<std::uint32_t> objects) {
  const auto& preorder = dominators.preorder;
  for (std::size_t i = preorder.size(); i-- > 1;) {
    const std::uint32_t node = preorder[i];
    const std::uint32_t idom = dominators.idom[node];
    for (const std::span<Size>& column : columns) {
      column[idom] = static_cast<Size>(static_cast<std::uint64_t>(column[idom]) +
                                       static_cast<std::uint64_t>(column[node]));
    }
    if (!objects.empty()) objects[idom] += objects[node];
  }
}

}  // namespace

void Retain(const Dominators& dominators, std::span<const std::span<std::uint64_t>> columns,
            std::span<std::uint32_t> objects) {
  RetainColumns(dominators, columns, objects);
}

void Retain(const Dominators& dominators, std::span<const std::span<std::int64_t>> columns,
            std::span<std::uint32_t> objects) {
  RetainColumns(dominators, columns, objects);
}

}  // namespace memwhy::analysis
