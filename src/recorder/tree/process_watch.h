// SPDX-License-Identifier: Apache-2.0
//
// Watches a process that need not be our child by a pidfd, so that a reused pid cannot fool us, and
// finds out how it ended. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"

namespace memwhy::recorder {

class ProcessWatch {
 public:
  // `start_ticks` as in /proc/PID/stat: another process of that pid counts as gone.
  ProcessWatch(pid_t pid, std::uint64_t start_ticks);

  bool IsGone() const;
  // Readable once the process is gone; -1 where there is none.
  int fd() const { return fd_.get(); }
  // The wait status of a process that is gone, if the kernel still tells (Linux 6.15, or as long as
  // it is a zombie).
  std::optional<int> WaitStatus() const;

 private:
  pid_t pid_;
  std::uint64_t start_ticks_;
  UniqueFd fd_;
};

}  // namespace memwhy::recorder
