// SPDX-License-Identifier: Apache-2.0
//
// The native blocks that a process holds, as its recording has them: what a heap dump follows
// behind objects.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "recorder/dump/heap_request.h"

namespace memwhy::diagnose {

// The live blocks at the end of what is in the session so far, pymalloc's arenas left out. Of the
// process `pid`, the last one of that number; without it of the session's main process. Replays
// the whole session: seconds for each ten million events.
Result<std::vector<recorder::NativeBlock>> ReadNativeBlocks(const std::string& session,
                                                            std::optional<pid_t> pid);

}  // namespace memwhy::diagnose
