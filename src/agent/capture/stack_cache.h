// SPDX-License-Identifier: Apache-2.0
//
// A thread's Python stack as a node id of its stream, at the cost of a walk over its frames.
//
// Invariant: a stack id always means the frames that the thread had at that moment. The whole chain
// of frames is walked at every event, and each is compared with what the frame at that address was
// at the event before (code, instruction, owner); only frames that differ, and those that these
// called, are looked up. A code object's address is no identity: each address carries a generation
// that PyCode_Type's dealloc bumps, so a new code object at an old address is a new code. Frames
// that tracebacks leave out (shims; 3.11+: pushed, not yet started) have the node of their caller.
// Code objects that are gone are forgotten from time to time, and all nodes with them: what is met
// again is defined again, under a new id.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpython/frames.h"
#include "cpython/peek.h"

namespace memwhy::agent {

struct ThreadState;

struct FrameEntry {
  cpython::Address frame;     // not to be read before the walk has come to it
  cpython::FrameState state;  // a code of 0: equal to none
  cpython::Address code;  // whose id `code_id` is; 0: of none, or one that still lacks its module
  std::uint32_t generation;  // of state.code
  std::uint32_t code_id;
  std::int32_t instruction;  // of a frame that is counted
  std::uint32_t node;        // stack id, up to this frame
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
  FrameEntry* chain = nullptr;          // root first; what lies behind `depth` may still be of use
  cpython::Address* scratch = nullptr;  // frames of a walk, filled from the end: leaf last
  std::size_t capacity = 0;             // of both
  std::size_t depth = 0;                // of chain, at the event before
  std::uint64_t code_epoch = 0;
  CodeSlot* codes = nullptr;
  CodeSlot* spare_codes = nullptr;  // of the same capacity, or null
  std::size_t code_capacity = 0;    // power of two
  std::uint32_t code_count = 0;     // in the table
  std::uint32_t codes_defined = 0;
  NodeSlot* nodes = nullptr;
  std::size_t node_capacity = 0;  // power of two
  std::uint32_t node_count = 0;   // in the table
  std::uint32_t nodes_defined = 0;
};

// The calling thread's stack now; writes definitions of new frames into the stream.
// Context: the owning thread, inside malloc, with or without the GIL.  Allocates: never.
std::uint32_t CaptureStack(ThreadState& t) noexcept;

// The id of the node (parent, code, instruction), defined in the stream where it is new. False: no
// room.
bool InternNode(ThreadState& t, std::uint32_t parent, std::uint32_t code, std::int32_t instruction,
                std::uint32_t* node) noexcept;

// Replaces PyCode_Type.tp_dealloc by one that counts and then calls the original. Once, at start.
void WatchCodeObjects() noexcept;

// Keeps the tables' memory, forgets their content (a reused slot, a forked child).
void ResetStackCache(StackCache& cache) noexcept;

// True once the runtime has begun to finalize: other threads' states can no longer be trusted.
bool SawFinalization() noexcept;

}  // namespace memwhy::agent
