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

std::string RoleOf(const model::Recording& recording, model::ProcessId process) {
  const model::Process& one = recording.processes[process.value];
  std::size_t number = 0;
  std::size_t siblings = 0;
  bool is_child = false;  // of a process that is recorded
  const std::vector<model::ProcessId> all = PythonProcesses(recording);
  for (const model::ProcessId id : all) {
    const model::Process& other = recording.processes[id.value];
    is_child = is_child || (id != process && one.parent && other.pid == *one.parent);
    if (!one.parent || other.parent != one.parent) continue;
    if (WithoutNumbers(other.command) != WithoutNumbers(one.command)) continue;
    ++siblings;
    if (id == process) number = siblings;
  }
  if (siblings > 1) {
    return fmt::format("worker {} of {}, started by PID {}", number, siblings, *one.parent);
  }
  if (is_child) return fmt::format("child of PID {}", *one.parent);
  if (!all.empty() && all.front() == process) return "first process";
  return one.parent ? fmt::format("started by PID {}", *one.parent) : "";
}

std::string NameOfProcess(const model::Recording& recording, model::ProcessId process) {
  const std::string role = RoleOf(recording, process);
  const std::string name = fmt::format("PID {}", recording.processes[process.value].pid);
  return role.empty() ? name : fmt::format("{} ({})", name, role);
}

}  // namespace memwhy::analysis
