// SPDX-License-Identifier: Apache-2.0
//
// What a walk over the heap knows and has found so far. Its parts share it: the traversal, what it
// is told to (a sink), and afterwards who asks where objects lie (WalkedHeap). One thread; no
// malloc.
#pragma once

#include <cstddef>

#include "agent/ground/agent.h"
#include "agent/ground/mark_map.h"
#include "agent/ground/raw_list.h"
#include "agent/memory/free_memory.h"
#include "agent/objects/dump_types.h"
#include "agent/objects/edge_list.h"
#include "agent/objects/object_reader.h"

namespace memwhy::agent {

// How far ahead of the object that is looked at the memory of the next ones is fetched.
inline constexpr std::int64_t kFetchAhead = 6;

struct WalkState {
  // `is_clone`: nobody else changes this memory.
  WalkState(const MemoryMap& memory, bool clone) noexcept
      : map(memory), is_clone(clone), reader(types, memory) {}
  WalkState(const WalkState&) = delete;
  WalkState& operator=(const WalkState&) = delete;

  bool HasFailed() const noexcept { return failed || marks.failed() || edges.failed(); }

  const MemoryMap& map;
  const bool is_clone;
  DumpTypes types;
  ObjectReader reader;
  MarkMap marks;            // seen: the traversal has met it; named: a sink has told its text
  EdgeList edges;           // of the object, root or block that is being read
  cpython::Address at = 0;  // what is being read: it is skipped when that faults
  bool failed = false;      // no memory: something is missing
  FreeMemory* hidden_in = nullptr;     // what comes now was found in memory
  RawList<cpython::Address> doubtful;  // sorted at the end of the walk
};

}  // namespace memwhy::agent
