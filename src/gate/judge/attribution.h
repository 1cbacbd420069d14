// SPDX-License-Identifier: Apache-2.0
//
// Which stacks hold more than in the baseline. Pure.
#pragma once

#include <vector>

#include "gate/judge/result.h"
#include "gate/measurement.h"

namespace memwhy::gate {

// All stacks of both sides at the heap's peak. Frames match by function, module and file; their
// lines may have moved.
std::vector<StackChange> CompareStacks(const std::vector<StackSample>& baseline,
                                       const std::vector<StackSample>& candidate);

// Those with more bytes than before, largest first, kStacksShown at most.
std::vector<StackSample> StacksWithMore(const std::vector<StackChange>& changes);
inline constexpr std::size_t kStacksShown = 10;

}  // namespace memwhy::gate
