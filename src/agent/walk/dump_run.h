// SPDX-License-Identifier: Apache-2.0
//
// One heap dump, or one census, from the stream's start to its end. Runs in a clone of the target,
// or in place with the GIL held; no malloc, no lock of the target's.
#pragma once

#include "agent/memory/block_index.h"
#include "agent/memory/free_memory.h"
#include "agent/walk/dump_lanes.h"
#include "agent/walk/dump_stream.h"
#include "agent/walk/walk_state.h"

namespace memwhy::agent {

struct DumpParts {
  bool collects = false;         // the automatic collection was on before it was held for the dump
  FreeMemory* free = nullptr;    // in a clone: hidden objects are looked for, outside of it
  BlockIndex* blocks = nullptr;  // the live native blocks behind the objects are written, too
  DumpLanes* lanes = nullptr;    // without blocks: another process writes a half of the objects
};

// False: no memory, or the stream cannot be written.
bool WriteDump(DumpStream& out, WalkState& state, const DumpParts& parts) noexcept;
bool WriteCensus(DumpStream& out, WalkState& state, FreeMemory* free) noexcept;

}  // namespace memwhy::agent
