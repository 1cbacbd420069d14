// SPDX-License-Identifier: Apache-2.0
//
// A filter on system calls (seccomp) may end a process at a call that its program does not make
// itself, and serving a request takes many. Invariant: nothing is asked of a process, and no signal
// is sent to it, unless each of its threads has no filter, or none but those under which the calls
// were tried (filter_trial.h). Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "os/process_status.h"
#include "wire/ring.h"

namespace memwhy::recorder {

// "" or why this process or thread is left alone, a clause. `tried`: the number of filters that it
// may have.
std::string FilterObstacle(const os::ProcessStatus& status, std::uint32_t tried);

// The number that the recorder has left in the ring.
std::uint32_t TriedFilters(wire::RingHeader& ring);

// All threads of it. An error says why nothing may be asked of it.
Result<void> CheckFilters(const FileSystem& fs, pid_t pid, wire::RingHeader& ring);

}  // namespace memwhy::recorder
