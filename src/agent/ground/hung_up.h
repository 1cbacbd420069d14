// SPDX-License-Identifier: Apache-2.0
//
// Whether the other end of a pipe is gone. By system call: a clone has no thread of the C library
// that could be cancelled.
#pragma once

#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace memwhy::agent {

// Waits for that at most `wait_ns`, less than a second. A regular file never hangs up.
inline bool IsHungUp(int fd, long wait_ns = 0) noexcept {
  pollfd end{fd, 0, 0};  // POLLERR and POLLHUP are told unasked
  const timespec wait{0, wait_ns};
  return syscall(SYS_ppoll, &end, 1, &wait, nullptr, 0) > 0;
}

}  // namespace memwhy::agent
