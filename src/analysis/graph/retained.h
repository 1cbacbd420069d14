// SPDX-License-Identifier: Apache-2.0
//
// What would be freed if a node died: its own sizes and those of all that it dominates. Sizes are
// columns by node (Python, native, device bytes), and all of them are summed in one pass.
#pragma once

#include <cstdint>
#include <span>

#include "analysis/graph/dominators.h"

namespace memwhy::analysis {

// Turns shallow sizes into retained ones, in place. `objects`, which may be empty, is what each
// node counts for (1: an object, 0: the root or a native block), and becomes the retained number of
// them. Nodes that the root does not reach keep their own. Sums wrap; a reader bounds its sizes.
void Retain(const Dominators& dominators, std::span<const std::span<std::uint64_t>> columns,
            std::span<std::uint32_t> objects = {});
void Retain(const Dominators& dominators, std::span<const std::span<std::int64_t>> columns,
            std::span<std::uint32_t> objects = {});

}  // namespace memwhy::analysis
