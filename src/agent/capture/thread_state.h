// SPDX-License-Identifier: Apache-2.0
//
// One thread of the target as the agent sees it: its stream, its encoder, its stack cache.
// Owned by its thread; nothing here is shared. Born at the thread's first event; after the thread's
// end the slot is used again once the kernel says that the thread is gone.
#pragma once

#include <atomic>
#include <cstdint>

#include "agent/capture/attached_state.h"
#include "agent/capture/native_stack.h"
#include "agent/capture/stack_cache.h"
#include "wire/clock_permit.h"
#include "wire/ring.h"

namespace memwhy::agent {

// In place of a slot for threads that found none; nobody reads it.
extern std::atomic<std::uint32_t> g_no_slot;

struct ThreadState {
  // Stream: `write` runs in [chunk_begin, limit); null without a chunk.
  std::uint8_t* write = nullptr;
  std::uint8_t* limit = nullptr;
  std::uint8_t* chunk_begin = nullptr;
  wire::ChunkHeader* chunk = nullptr;
  std::uint32_t owned = 0;          // the chunk's state as long as it is ours
  std::uint64_t stream_offset = 0;  // of chunk_begin
  // The word of our slot in the ring, which says that we write; `slot` is its index.
  std::atomic<std::uint32_t>* is_writing = &g_no_slot;
  std::uint32_t slot = wire::kNoSlot;

  // Of event_clock.h: the last look at the clock, the permit then, and for how many events it does.
  std::uint64_t stamp = 0;
  std::uint64_t permit = wire::kNoPermit;
  std::uint32_t stamps_left = 0;

  // Encoder.
  std::uint64_t last_ticks = 0;
  std::int64_t last_address = 0;  // >> 3
  std::uint64_t last_size = ~std::uint64_t{0};
  std::uint32_t last_stack = ~std::uint32_t{0};

  // > 0: inside of a recorded call or of our own code; events of such calls are the allocator's
  // own.
  std::uint32_t depth = 0;
  int* errno_at = nullptr;      // of this thread
  bool seals_each = false;      // each event is sealed at once: see SealIfAsked
  bool serves_request = false;  // a helper thread of ours: its memory comes from private memory
  std::uint32_t thread_index = 0;
  std::uint32_t tid = 0;
  std::uint32_t destructor_rounds = 0;
  std::uint64_t lost_events = 0;  // not yet told in the stream
  std::uint64_t lost_bytes = 0;
  bool is_named = false;
  NativeStack* native = nullptr;  // null: C frames are not recorded
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
