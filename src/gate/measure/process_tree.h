// SPDX-License-Identifier: Apache-2.0
//
// One look at processes, and who descends from whom. What ends meanwhile is left out. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/file_system.h"

namespace memwhy::gate {

struct TreeLook {
  Bytes rss = 0;             // sum over the processes: shared pages count in each
  Bytes highest_single = 0;  // the kernel's own peak of one process (VmHWM), the highest
  std::uint64_t threads = 0;
  std::optional<Bytes> pss;                  // where asked for
  std::optional<std::uint64_t> descriptors;  // where asked for
};

struct TreeWants {
  bool pss = false;
  bool descriptors = false;
};

// All descendants of `root`, without it.
std::vector<pid_t> Descendants(const FileSystem& fs, pid_t root);

TreeLook LookAtProcesses(const FileSystem& fs, const std::vector<pid_t>& pids,
                         const TreeWants& wants);

}  // namespace memwhy::gate
