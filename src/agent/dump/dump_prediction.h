// SPDX-License-Identifier: Apache-2.0
//
// What a heap dump will cost this process: which way is taken, how long it stands still, how much
// memory is taken meanwhile. A clone's pause comes from what its page tables have to copy; a walk's
// from the blocks in use. Each dump that was made improves the next prediction.
// benchmarks/dump_pause compares the two.
#pragma once

#include <cstdint>

#include "agent/dump/process_memory.h"

namespace memwhy::agent {

struct HeapDumpOptions;

enum class DumpMethod : std::uint32_t { kNone = 0, kClone = 1, kInPlace = 2 };

struct DumpPrediction {
  DumpMethod method = DumpMethod::kClone;
  std::uint64_t pause_ns = 0;  // as a thread feels it that needs the GIL
  std::uint64_t bytes = 0;
};

// Of pymalloc, in use, or about; 0: not known.
std::uint64_t BlocksInUse() noexcept;

DumpPrediction PredictDump(const HeapDumpOptions& options, const ProcessMemory& memory,
                           std::uint64_t blocks) noexcept;

// What a dump has taken indeed. One thread at a time: that which serves requests.
void NoteClone(const ProcessMemory& memory, std::uint64_t pause_ns) noexcept;
void NoteWalk(const HeapDumpOptions& options, std::uint64_t blocks,
              std::uint64_t pause_ns) noexcept;

}  // namespace memwhy::agent
