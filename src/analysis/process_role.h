// SPDX-License-Identifier: Apache-2.0
//
// What a process is among those of its recording, in words that an operator knows it by. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/recording.h"

namespace memwhy::analysis {

// The processes that a verdict can be about: CPythons that were recorded, as they started.
std::vector<model::ProcessId> PythonProcesses(const model::Recording& recording);

// "worker 2 of 3, started by PID 4711", "child of PID 4711", "first process". Workers are those
// with one parent and one command line, numbers in it apart; they are counted as they started,
// also those that were replaced.
std::string RoleOf(const model::Recording& recording, model::ProcessId process);

// "PID 4712 (worker 2 of 3, started by PID 4711)".
std::string NameOfProcess(const model::Recording& recording, model::ProcessId process);

}  // namespace memwhy::analysis
