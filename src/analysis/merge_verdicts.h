// SPDX-License-Identifier: Apache-2.0
//
// One verdict from those of the processes of a recording. Findings of one cause in several
// processes (one rule, one holder; or, where no holder is proven, one line) are one finding with
// the sum. A process that had too little to do, or lived too short, is named and decides nothing
// while others can be judged. Pure.
#pragma once

#include <vector>

#include "analysis/finding.h"
#include "model/recording.h"

namespace memwhy::analysis {

// `verdicts` of different processes of `recording`, at least one. The numbers outside of the
// findings (window, growth, operations, checks) are those of the process that decides.
Verdict MergeVerdicts(const model::Recording& recording, std::vector<Verdict> verdicts);

}  // namespace memwhy::analysis
