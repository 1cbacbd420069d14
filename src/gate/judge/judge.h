// SPDX-License-Identifier: Apache-2.0
//
// Measurements against budgets. Exact numbers are compared, noisy ones tested (statistics.h); a
// change is called one only where chance does not explain it. Pure, deterministic.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gate/judge/result.h"
#include "gate/plan/plan.h"

namespace memwhy::gate {

// By file, relative to a workload's folder: first and last line of each changed piece.
using LineRanges = std::map<std::string, std::vector<std::pair<int, int>>>;

// Says of each stack of a workload's result which of its frames stand on changed lines.
void MarkChangedLines(const LineRanges& changed, WorkloadResult* result);

// `baseline` may be null where no budget of the plan needs one.
GateResult Judge(const Plan& plan, const Measurement* baseline, const Measurement& candidate);

}  // namespace memwhy::gate
