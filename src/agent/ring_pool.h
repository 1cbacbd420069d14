// SPDX-License-Identifier: Apache-2.0
//
// Chunks of the ring file: taken by a thread, given to the recorder (wire/ring.h has the protocol).
// Context: any thread, inside malloc.  Allocates: never.
#pragma once

#include <cstdint>

#include "wire/ring.h"

namespace memwhy::agent {

struct ThreadState;

// A free chunk, now owned by `t`. On a full pool waits within the thread's budget for the recorder;
// null when the budget is spent or the recorder is gone (then the agent goes dormant).
wire::ChunkHeader* TakeChunk(ThreadState& t) noexcept;

// Seals `chunk` with `bytes` of whole records.
void GiveChunk(wire::ChunkHeader* chunk, std::uint32_t bytes) noexcept;

}  // namespace memwhy::agent
