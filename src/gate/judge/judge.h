// SPDX-License-Identifier: Apache-2.0
//
// Measurements against budgets. Exact numbers are compared, noisy ones tested (statistics.h); a
// change is called one only where chance does not explain it. Pure, deterministic.
#pragma once

#include "gate/judge/result.h"
#include "gate/plan/plan.h"

namespace memwhy::gate {

// `baseline` may be null where no budget of the plan needs one.
GateResult Judge(const Plan& plan, const Measurement* baseline, const Measurement& candidate);

}  // namespace memwhy::gate
