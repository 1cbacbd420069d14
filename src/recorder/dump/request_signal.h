// SPDX-License-Identifier: Apache-2.0
//
// The one signal that wakes a thread of the target, so that it takes a request. Invariant: it is
// sent only where it is harmless: to a thread that waits in a system call which such a signal
// interrupts without a trace, in a process that catches it with the agent's handler, and to whom it
// can be delivered at once. A signal that is at its default would kill; one that is blocked would
// wait, to be found by a program that waits for signals. Then nothing is sent, and the
// answer says why.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/file_system.h"
#include "recorder/ring/ring_map.h"
#include "recorder/ring/ring_owner.h"

namespace memwhy::recorder {

struct WakeOutcome {
  bool was_sent = false;
  bool is_stopped = false;    // no thread of it can run, whatever is done
  bool is_forbidden = false;  // whatever its threads do, until the program changes its mind
  std::string obstacle;       // "" or a clause: why nothing was sent
};

WakeOutcome WakeTarget(const FileSystem& fs, const RingOwner& owner, RingMap& ring);

// The thread that `number` disturbs least and that does not block it: one that waits in epoll,
// poll, select, sleep, accept, read, receive or a futex, in this order. nullopt: none does.
// `number` 0: whatever they block.
std::optional<pid_t> FindSleepingThread(const FileSystem& fs, pid_t pid, int number);

}  // namespace memwhy::recorder
