// SPDX-License-Identifier: Apache-2.0
//
// The process that writes a ring, as we see it. A ring says a pid, which is one of the writer's own
// PID namespace, may have been reused, or may have been scribbled on: nobody is signalled by it.
// Proven here: the process maps this very file, calls itself by the pid that the ring says, and
// started when the ring says.
#pragma once

#include <sys/types.h>

#include <utility>

#include "base/file_system.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "recorder/ring/ring_map.h"

namespace memwhy::recorder {

class RingOwner {
 public:
  // Proves that it is process `pid` of our /proc. An error says what is not as it should be.
  static Result<RingOwner> Prove(const FileSystem& fs, pid_t pid, const RingMap& ring);
  // Looks for it: where its own pid is ours as well, then in all of /proc.
  static Result<RingOwner> Find(const FileSystem& fs, const RingMap& ring);

  pid_t pid() const {
    return pid_;
  }  // as we see it; not reused while this lives and it is not gone
  bool IsGone() const;

 private:
  RingOwner(pid_t pid, UniqueFd fd) : pid_(pid), fd_(std::move(fd)) {}

  pid_t pid_;
  UniqueFd fd_;  // a pidfd
};

}  // namespace memwhy::recorder
