// SPDX-License-Identifier: Apache-2.0
//
// Drawings of how the heap's peak changed, as SVG without script. Pure.
#pragma once

#include <string>
#include <vector>

#include "gate/judge/result.h"

namespace memwhy::gate {

// From the baseline's total over the stacks that changed most to the candidate's; what is not drawn
// by itself is one step, so the steps add up. "" of nothing.
std::string WaterfallSvg(const std::vector<StackChange>& changes);

// Callers above, callees below; a frame is as wide as the larger of before and after, its colour
// and sign are its change. Frames below 0.5 % are left out. "" of nothing; 200 kB at most.
std::string ChangeGraphSvg(const std::vector<StackChange>& changes);

}  // namespace memwhy::gate
