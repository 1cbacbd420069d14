// SPDX-License-Identifier: Apache-2.0
//
// A call tree cut down to its largest nodes, for a screen of lines. Invariant: totals stay as they
// are, what is cut goes into one kMerged node per parent. Pure.
#pragma once

#include <cstddef>

#include "model/sites/call_tree.h"

namespace memwhy::model {

// The root and the `count` largest other nodes (by the larger of value and baseline; of equal ones
// the first), so that a kept node's parent is always kept; merged nodes come on top.
CallTree KeepLargest(const CallTree& tree, std::size_t count);

}  // namespace memwhy::model
