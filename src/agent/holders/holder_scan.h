// SPDX-License-Identifier: Apache-2.0
//
// Where in this process's memory are there pointers to some objects? Looks at every aligned word,
// less its three lowest bits, of all memory that is in use, but ours, files and devices, and shared
// mappings of more than 64 MiB; and for who has the malloc'd memory of those that lie in such
// (agent/holders/native_holders.h). Runs in a clone; no malloc.
//
// Answer, behind the stream of the dump: magic[8] u64(n) u64(mappings that could not be read), then
// for each address in the order asked u64(words) u64(static words) u64(native words) u64(holder)
// u64(m) u64(address of a word)[m], those in libraries' data first. Native words lie in memory that
// a library's data or an object leads to; holder: which of them, for the first such word, else 0.
// An object in a library's data counts as a static word of its own: the library has it. What may be
// the remains of one (WalkedHeap::IsDoubtful) has at least as many words as references.
#pragma once

#include <cstdint>

#include "agent/ground/fault_guard.h"
#include "agent/memory/free_memory.h"
#include "agent/memory/memory_map.h"
#include "agent/walk/dump_stream.h"
#include "agent/walk/walked_heap.h"

namespace memwhy::agent {

// `path`: a file of sorted u64 addresses; `heap`: of the walk that has run. False: it cannot be
// read, or no memory.
bool AnswerHolderScan(const char* path, const MemoryMap& map, FreeMemory& free, WalkedHeap& heap,
                      FaultGuard& guard, DumpStream& out) noexcept;

}  // namespace memwhy::agent
