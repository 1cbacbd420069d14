// SPDX-License-Identifier: Apache-2.0
// What a process is: names, parent, start time, threads. Any thread. The command line is returned
// whole; who stores it must redact it first.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace memwhy::os {

struct ProcessStat {
  std::string comm;
  char state = '?';  // R, S, D, T, t, Z, X
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;  // since boot; (pid, start_ticks) names a process for good
  std::uint64_t start_stack = 0;  // another one after an exec; 0: we may not know
};

struct Task {
  pid_t tid = 0;
  std::string comm;
  char state = '?';
  // Number of the system call the thread waits in; nullopt: it runs, or we may not know.
  std::optional<std::int64_t> system_call;
};

Result<ProcessStat> ParseStat(const std::string& text);

Result<ProcessStat> ReadProcessStat(const FileSystem& fs, pid_t pid);
Result<std::vector<std::string>> ReadCommandLine(const FileSystem& fs, pid_t pid);

// Without the kernel's " (deleted)".
Result<std::string> ReadExecutable(const FileSystem& fs, pid_t pid);

// Sorted by thread id. Threads that end meanwhile are left out.
Result<std::vector<Task>> ReadTasks(const FileSystem& fs, pid_t pid);

// Processes whose parent is this one, by a walk of /proc.
Result<std::vector<pid_t>> FindChildren(const FileSystem& fs, pid_t pid);

}  // namespace memwhy::os
