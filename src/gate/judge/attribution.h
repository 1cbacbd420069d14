// SPDX-License-Identifier: Apache-2.0
//
// Which stacks hold more than in the baseline. Pure.
#pragma once

#include <vector>

#include "gate/measurement.h"

namespace memwhy::gate {

// Bytes and blocks more than before, largest first, kStacksShown at most. Frames match by
// function, module and file; their lines may have moved. Without a baseline the largest stacks.
std::vector<StackSample> StacksThatDiffer(const std::vector<StackSample>* baseline,
                                          const std::vector<StackSample>& candidate);
inline constexpr std::size_t kStacksShown = 10;

}  // namespace memwhy::gate
