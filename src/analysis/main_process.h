// SPDX-License-Identifier: Apache-2.0
//
// Which process of a recording a verdict is about: its subject, or else the first one that was
// recorded; a launcher or a shell before it was not. Pure.
#pragma once

#include "model/recording.h"

namespace memwhy::analysis {

inline model::ProcessId MainProcess(const model::Recording& recording) {
  if (recording.subject) return *recording.subject;
  for (std::uint32_t i = 0; i < recording.processes.size(); ++i) {
    const model::Process& process = recording.processes[i];
    if (process.note.empty() && !process.python.empty()) return model::ProcessId{i};
  }
  return model::ProcessId{0};
}

}  // namespace memwhy::analysis
