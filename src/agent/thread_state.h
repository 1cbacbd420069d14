// SPDX-License-Identifier: Apache-2.0
//
// One thread of the target as the agent sees it: its stream, its encoder, its stack cache.
// Owned by its thread; nothing here is shared. Born at the thread's first event; after the thread's
// end the slot is used again once the kernel says that the thread is gone.
#pragma once

#include <cstdint>

#include "agent/attached_state.h"
#include "agent/stack_cache.h"
#include "wire/ring.h"

namespace memwhy::agent {

struct ThreadState {
  // Stream: `write` runs in [chunk_begin, limit); null without a chunk.
  std::uint8_t* write = nullptr;
  std::uint8_t* limit = nullptr;
  std::uint8_t* chunk_begin = nullptr;
  wire::ChunkHeader* chunk = nullptr;
  std::uint64_t stream_offset = 0;  // of chunk_begin

  // Encoder.
  std::uint64_t last_ticks = 0;
  std::int64_t last_address = 0;  // >> 3
  std::uint64_t last_size = ~std::uint64_t{0};
  std::uint32_t last_stack = ~std::uint32_t{0};

  // > 0: inside of a recorded call or of our own code; events of such calls are the allocator's
  // own.
  std::uint32_t depth = 0;
  bool is_ending = false;       // its key destructor has run: each event is sealed at once
  bool serves_request = false;  // a helper thread of ours: its memory comes from private memory
  std::uint32_t thread_index = 0;
  std::uint32_t tid = 0;
  std::uint32_t destructor_rounds = 0;
  std::uint64_t charged_ns = 0;   // of its wait budget
  std::uint64_t lost_events = 0;  // not yet told in the stream
  std::uint64_t lost_bytes = 0;
  bool is_named = false;
  AttachedStates attached;
  ThreadState* next = nullptr;  // all states ever made, for reuse

  StackCache stacks;
};

// This thread's state; null before its first event. One load.
extern __thread __attribute__((tls_model("initial-exec"))) ThreadState* t_self;

// Makes or reuses a state and opens its stream. Null when memory or room is short (counted).
// Context: any thread, inside malloc.  Allocates: never.
ThreadState* EnterThread() noexcept;

// Creates the key whose destructor ends a thread's stream. Called once by Start.
bool InstallThreadEnd() noexcept;

// In a forked child: the parent's other threads are gone, this one starts afresh.
void ForgetThreadsAfterFork() noexcept;

}  // namespace memwhy::agent
