// SPDX-License-Identifier: Apache-2.0
//
// A thread's Python stack as a node id of its stream, at the cost of a walk over its frames.
//
// Invariant: a stack id always means the frames that the thread had at that moment. The whole chain
// is walked at every event and compared frame by frame with the previous one (code and instruction
// of every caller); only frames that differ are looked up. A code object's address is no identity:
// each address carries a generation that PyCode_Type's dealloc bumps (CodeGeneration), so a new
// code object at an old address is a new code. Incomplete frames (3.11+: pushed, not yet started)
// are left out, as the interpreter itself leaves them out of tracebacks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpython/peek.h"

namespace memwhy::agent {

struct ThreadState;

struct FrameEntry {
  cpython::Address code;
  cpython::Address frame;    // only valid during the walk that wrote it
  std::int32_t instruction;  // code units; -1: not started
  std::uint32_t node;        // stack id; only in the cached chain
};

struct CodeSlot {
  cpython::Address code;
  std::uint32_t generation;
  std::uint32_t id;  // 0: empty slot
  std::uint8_t needs_module;
};

struct NodeSlot {
  std::uint32_t parent;
  std::uint32_t code;
  std::int32_t instruction;
  std::uint32_t node;  // 0: empty slot
};

struct StackCache {
  FrameEntry* chain = nullptr;    // previous chain, root first
  FrameEntry* scratch = nullptr;  // filled from its end towards the front: leaf last
  std::size_t capacity = 0;       // of both
  std::size_t depth = 0;          // of chain; 0 is no valid cache
  std::uint64_t code_epoch = 0;
  CodeSlot* codes = nullptr;
  std::size_t code_capacity = 0;  // power of two
  std::uint32_t code_count = 0;
  NodeSlot* nodes = nullptr;
  std::size_t node_capacity = 0;  // power of two
  std::uint32_t node_count = 0;
};

// The calling thread's stack now; writes definitions of new frames into the stream.
// Context: the owning thread, inside malloc, with or without the GIL.  Allocates: never.
std::uint32_t CaptureStack(ThreadState& t) noexcept;

// Replaces PyCode_Type.tp_dealloc by one that counts and then calls the original. Once, at start.
void WatchCodeObjects() noexcept;

// Keeps the tables' memory, forgets their content (a reused slot, a forked child).
void ResetStackCache(StackCache& cache) noexcept;

// True once the runtime has begun to finalize: other threads' states can no longer be trusted.
bool SawFinalization() noexcept;

}  // namespace memwhy::agent
