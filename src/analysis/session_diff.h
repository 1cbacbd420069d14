// SPDX-License-Identifier: Apache-2.0
//
// Two recordings brought onto one tree of stacks, so that one roll-up shows both: value is the
// candidate's amount, baseline the baseline's. Frames match by function, module and file; their
// lines may have moved. Invariant: no amount is lost, both sums stay as they were. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/recording.h"
#include "model/sites/site_amounts.h"
#include "model/sites/stack_tree.h"

namespace memwhy::analysis {

struct DiffSide {
  const model::Recording& recording;
  const model::StackTree& stacks;
  const std::vector<model::SiteAmount>& sites;  // of each the value
  double from = 0;                              // the range that was looked at
  double to = 0;
};

struct DiffWarning {
  std::string kind;  // duration, python, mode, objects, lost_events, damage
  std::string text;  // one sentence
};

struct SessionDiff {
  // A frame's line is the candidate's, the baseline's where the candidate has no such frame, and 0
  // where several lines of a function came together.
  model::StackTree stacks;
  std::vector<model::Thread> threads;    // one per name, over all processes; tid is 0
  std::vector<model::SiteAmount> sites;  // process means nothing
  std::vector<DiffWarning> warnings;     // why the two are not comparable
};

SessionDiff DiffSessions(const DiffSide& baseline, const DiffSide& candidate);

}  // namespace memwhy::analysis
