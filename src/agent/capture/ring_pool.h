// SPDX-License-Identifier: Apache-2.0
//
// Chunks of the ring file: taken by a thread, given to the recorder (wire/ring.h has the protocol).
// Context: any thread, inside malloc.  Allocates: never.
#pragma once

#include <cstdint>

#include "wire/ring.h"

namespace memwhy::agent {

struct ThreadState;

// A free chunk, now owned by `t`. On a full pool waits within the process's budget for the
// recorder; null when the budget is spent, when only an idle thread could give one, or when the
// recorder is gone (then the agent goes dormant).
wire::ChunkHeader* TakeChunk(ThreadState& t) noexcept;

// Seals `chunk`, all of which is committed, unless the recorder has done so. `owned`: its state as
// long as it was the caller's.
void GiveChunk(wire::ChunkHeader* chunk, std::uint32_t owned) noexcept;

}  // namespace memwhy::agent
