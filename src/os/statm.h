// SPDX-License-Identifier: Apache-2.0
// The memory totals of one process: /proc/PID/statm (cheap, may lag by some pages per thread) and
// /proc/PID/status. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/bytes.h"
#include "base/file_system.h"

namespace memwhy::os {

struct Statm {
  Bytes size = 0;
  Bytes rss = 0;
  Bytes shared = 0;  // file and shmem pages
  Bytes text = 0;
  Bytes data = 0;
};

struct Status {
  Bytes rss = 0;       // VmRSS
  Bytes rss_anon = 0;  // RssAnon
  Bytes rss_file = 0;
  Bytes rss_shmem = 0;
  Bytes peak_rss = 0;  // VmHWM
  Bytes size = 0;      // VmSize
  Bytes swap = 0;      // VmSwap
  std::uint64_t threads = 0;
};

Result<Statm> ReadStatm(const FileSystem& fs, pid_t pid);

// A zombie and a kernel thread have no Vm lines: all 0 then.
Result<Status> ReadStatus(const FileSystem& fs, pid_t pid);

}  // namespace memwhy::os
