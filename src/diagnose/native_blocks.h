// SPDX-License-Identifier: Apache-2.0
//
// The native blocks that a process holds, as its recording has them: what a heap dump follows
// behind objects.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "recorder/dump/heap_request.h"

namespace memwhy::diagnose {

// The live blocks of a process of the session at the end of what is in it so far, pymalloc's
// arenas left out. Replays the session: seconds for each ten million events.
Result<std::vector<recorder::NativeBlock>> ReadNativeBlocks(const std::string& session,
                                                            std::uint32_t process);
// Of the last process of that number.
Result<std::vector<recorder::NativeBlock>> ReadNativeBlocksOf(const std::string& session,
                                                              pid_t pid);

}  // namespace memwhy::diagnose
