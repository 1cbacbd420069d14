// SPDX-License-Identifier: Apache-2.0
//
// Cheap counters of one process (10 per second) and whole passes over its address space (at the
// start, each 30 s, at the end): what the operating system says, read from outside, no stop, no
// lock of the target. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "model/recording.h"
#include "os/cgroup.h"
#include "recorder/oom_watch.h"
#include "recorder/ring/ring_map.h"

namespace memwhy::recorder {

class OsSampler {
 public:
  OsSampler(const FileSystem* fs, pid_t pid, std::uint32_t process);

  // An error: the process is gone.
  Result<model::OsSample> Sample();
  // smaps, resident pages of anonymous memory, pymalloc arenas (with a ring). `ring` may be null.
  Result<model::MapsPass> Pass(const std::string& at, const RingMap* ring) const;
  // Whether the kernel killed for lack of memory in the process's cgroup just now; to be asked
  // right after its death.
  bool SawOomKill();

 private:
  const FileSystem* fs_;
  pid_t pid_;
  std::uint32_t process_;
  std::optional<os::CgroupLocation> cgroup_;
  OomWatch oom_watch_;
  std::uint64_t next_descriptors_ns_ = 0;
};

}  // namespace memwhy::recorder
