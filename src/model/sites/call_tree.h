// SPDX-License-Identifier: Apache-2.0
//
// Sites folded into one tree, from the root of the stacks to their leaves, over all processes,
// threads and allocators. Every node carries two amounts, a value and a baseline, so that a view
// can show either or their difference. Invariant: a node's total is its own amount plus its
// children's totals, and the root's is the sum of all sites. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/sites/stack_tree.h"
#include "model/sites/stats.h"

namespace memwhy::model {

struct StackAmount {
  StackId stack;
  Amount value;
  Amount baseline;
};

enum class CallKind : std::uint8_t {
  kRoot,
  kFrame,
  kWithoutPython,  // threads that run no Python
  kNotRead,        // stacks that could not be read
  kTruncated,      // above cut stacks: the callers are unknown
  kMerged,         // children too small to draw, `merged` of them with all below
};

struct CallNode {
  CallKind kind = CallKind::kRoot;
  FrameId frame;             // of kFrame
  std::uint32_t parent = 0;  // always smaller than the node's own index; the root's is 0
  Amount value;              // total: with everything below
  Amount baseline;
  Amount self_value;  // allocated by this frame itself
  Amount self_baseline;
  std::uint64_t merged = 0;
};

// Node 0 is the root; parents come before their children, siblings largest first, kMerged before
// them.
struct CallTree {
  std::vector<CallNode> nodes;
};

CallTree BuildCallTree(const StackTree& stacks, std::span<const StackAmount> amounts);

// Children whose value and baseline are both below `least_share` of the root's larger amount go
// into one kMerged node per parent; totals stay as they are.
CallTree Prune(const CallTree& tree, double least_share);

}  // namespace memwhy::model
