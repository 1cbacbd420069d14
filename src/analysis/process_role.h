// SPDX-License-Identifier: Apache-2.0
//
// What a process is among those of its recording, in words that an operator knows it by. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/recording.h"

namespace memwhy::analysis {

// The processes that a verdict can be about: CPythons that were recorded, as they started.
std::vector<model::ProcessId> PythonProcesses(const model::Recording& recording);

// The roles of all processes of a recording, which must outlive it.
class ProcessRoles {
 public:
  explicit ProcessRoles(const model::Recording& recording);
  // "worker 2 of 3, started by PID 4711", "child of PID 4711", "first process". Workers are those
  // with one parent and one command line, numbers in it apart; they are counted as they started,
  // also those that were replaced.
  std::string RoleOf(model::ProcessId process) const;

 private:
  using Group = std::pair<std::uint32_t, std::string>;  // parent, command without numbers
  Group GroupOf(const model::Process& process) const;

  const model::Recording& recording_;
  std::vector<model::ProcessId> all_;
  std::map<Group, std::size_t> siblings_;
  std::map<std::uint32_t, std::size_t> numbers_;  // among its siblings, from 1
  std::set<std::uint32_t> pids_;
};

// Of one alone.
std::string RoleOf(const model::Recording& recording, model::ProcessId process);

// "PID 4712 (worker 2 of 3, started by PID 4711)".
std::string NameOfProcess(const model::Recording& recording, model::ProcessId process);

}  // namespace memwhy::analysis
