// SPDX-License-Identifier: Apache-2.0
//
// A look at a live process without an agent: what smaps, the memory cgroup and malloc's heaps tell,
// the rest named as not recorded. Reads only, never stops the target; the kernel holds its mmap
// lock for reading while it writes smaps.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/file_system.h"
#include "base/result.h"
#include "model/ledger/ledger.h"
#include "model/recording.h"

namespace memwhy::monitor {

struct LiveLook {
  model::Recording recording;  // what the session object needs; mode "live"
  std::vector<model::Ledger> ledgers;
};

Result<LiveLook> LookAtProcess(const FileSystem& fs, pid_t pid);

}  // namespace memwhy::monitor
