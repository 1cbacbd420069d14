// SPDX-License-Identifier: Apache-2.0
// /proc/PID/status: what a process or thread does with signals, which pids it has in which PID
// namespace, who traces it, what filters its system calls. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace memwhy::os {

// What a process or thread does with signals; bit N - 1 is signal N.
struct SignalState {
  std::uint64_t pending = 0;  // for the process as a whole
  std::uint64_t blocked = 0;  // of one thread; of the main thread where a process is asked
  std::uint64_t ignored = 0;
  std::uint64_t caught = 0;
};

enum class Seccomp { kNone = 0, kStrict = 1, kFilter = 2 };

struct ProcessStatus {
  // Its pid in each PID namespace from that of our /proc to its own. Empty: the kernel tells none.
  std::vector<pid_t> namespace_pids;
  pid_t thread_group = 0;
  pid_t tracer = 0;  // 0: none
  SignalState signals;
  Seccomp seccomp = Seccomp::kNone;      // of the main thread where a process is asked
  std::optional<std::uint32_t> filters;  // how many; the kernel counts them from 5.9 on
};

Result<ProcessStatus> ParseStatus(const std::string& text);
Result<ProcessStatus> ReadProcessStatus(const FileSystem& fs, pid_t pid);
Result<ProcessStatus> ReadThreadStatus(const FileSystem& fs, pid_t pid, pid_t tid);

}  // namespace memwhy::os
