// SPDX-License-Identifier: Apache-2.0
#include "analysis/process_role.h"

#include <fmt/core.h>

#include <algorithm>

namespace memwhy::analysis {
namespace {

// Two command lines of one program: what differs are descriptors, ports, numbers.
std::string WithoutNumbers(const std::string& command) {
  std::string masked;
  for (const char c : command) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit) {
      masked += c;
    } else if (masked.empty() || masked.back() != '#') {
      masked += '#';
    }
  }
  return masked;
}

bool IsPython(const model::Process& process) {
  return process.note.empty() && !process.python.empty();
}

}  // namespace

std::vector<model::ProcessId> PythonProcesses(const model::Recording& recording) {
  std::vector<model::ProcessId> found;
  for (std::uint32_t i = 0; i < recording.processes.size(); ++i) {
    if (IsPython(recording.processes[i])) found.push_back(model::ProcessId{i});
  }
  std::stable_sort(found.begin(), found.end(), [&](model::ProcessId a, model::ProcessId b) {
    return recording.processes[a.value].started < recording.processes[b.value].started;
  });
  return found;
}

ProcessRoles::ProcessRoles(const model::Recording& recording)
    : recording_(recording), all_(PythonProcesses(recording)) {
  for (const model::ProcessId id : all_) {
    const model::Process& process = recording.processes[id.value];
    pids_.insert(process.pid);
    if (process.parent) numbers_[id.value] = ++siblings_[GroupOf(process)];
  }
}

ProcessRoles::Group ProcessRoles::GroupOf(const model::Process& process) const {
  return {*process.parent, WithoutNumbers(process.command)};
}

std::string ProcessRoles::RoleOf(model::ProcessId process) const {
  const model::Process& one = recording_.processes[process.value];
  if (const auto number = numbers_.find(process.value); number != numbers_.end()) {
    const std::size_t siblings = siblings_.at(GroupOf(one));
    if (siblings > 1) {
      return fmt::format("worker {} of {}, started by PID {}", number->second, siblings,
                         *one.parent);
    }
  }
  if (one.parent && *one.parent != one.pid && pids_.contains(*one.parent)) {
    return fmt::format("child of PID {}", *one.parent);
  }
  if (!all_.empty() && all_.front() == process) return "first process";
  return one.parent ? fmt::format("started by PID {}", *one.parent) : "";
}

std::string RoleOf(const model::Recording& recording, model::ProcessId process) {
  return ProcessRoles(recording).RoleOf(process);
}

std::string NameOfProcess(const model::Recording& recording, model::ProcessId process) {
  const std::string role = RoleOf(recording, process);
  const std::string name = fmt::format("PID {}", recording.processes[process.value].pid);
  return role.empty() ? name : fmt::format("{} ({})", name, role);
}

}  // namespace memwhy::analysis
