// SPDX-License-Identifier: Apache-2.0
//
// Which processes of a recording are judged each by itself: CPythons that lived long enough in the
// window. Those that are not are named with the reason. Pure.
#pragma once

#include <vector>

#include "analysis/finding.h"
#include "diagnose/session_diagnosis.h"
#include "model/recording.h"

namespace memwhy::diagnose {

struct ProcessChoice {
  std::vector<model::ProcessId> judged;  // as they started; never empty
  std::vector<analysis::ProcessRow> left_out;
};

// `recording` has a CPython that was recorded.
ProcessChoice ChooseProcesses(const model::Recording& recording, const Window& window);

}  // namespace memwhy::diagnose
