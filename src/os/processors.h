// SPDX-License-Identifier: Apache-2.0
//
// How many processors a process may use. Any thread.
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/file_system.h"

namespace memwhy::os {

struct Processors {
  int allowed = 0;              // by its affinity, of those that are online
  std::optional<double> quota;  // of processor time per time, the least over its cgroup and the
                                // cgroup's ancestors: cpu.max, cpu.cfs_quota_us; nullopt: unlimited
};

Result<Processors> ReadProcessors(const FileSystem& fs, pid_t pid);

}  // namespace memwhy::os
