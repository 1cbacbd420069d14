// SPDX-License-Identifier: Apache-2.0
//
// Is this recording able to carry a verdict at all? Checks of the capture itself, and what is
// missing when the answer is no. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/case.h"
#include "analysis/finding.h"

namespace memwhy::analysis {

std::vector<Check> CaptureChecks(const Case& one);

// What an incomplete recording lacks, in a line: lost events, damage, processes.
std::string IncompleteText(const model::Recording& recording);

struct Missing {
  std::string why;
  double wanted_seconds = 0;  // a recording so long would do
  bool is_idle = false;       // everything is there, but the process did next to nothing
};
// nullopt when a verdict is possible.
std::optional<Missing> WhatIsMissing(const Case& one);

}  // namespace memwhy::analysis
