// SPDX-License-Identifier: Apache-2.0
//
// Writes records into the thread's stream (wire/event.h has the grammar).
// Context: the owning thread, inside malloc or after fork.  Allocates: never.
// Blocks: only in MakeRoom on a full ring, within the process's budget
// (agent/ground/wait_budget.h); beyond it the event is dropped and counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "agent/capture/thread_state.h"
#include "wire/event.h"
#include "wire/varint.h"

namespace memwhy::agent {

inline constexpr std::ptrdiff_t kHotRoom = 96;  // no event without text is longer

// At least `bytes` (<= kMaxRecordBytes) of room at t.write, until the next Commit. False: no room,
// nothing changed. From here to Commit the recorder leaves the chunk alone (wire/ring.h has the
// order that this needs).
bool MakeRoomSlow(ThreadState& t, std::ptrdiff_t bytes) noexcept;
inline bool MakeRoom(ThreadState& t, std::ptrdiff_t bytes) noexcept {
  t.is_writing->store(1, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // for the compiler; the recorder does more
  return (t.limit - t.write >= bytes &&
          t.chunk->state.load(std::memory_order_relaxed) == t.owned) ||
         MakeRoomSlow(t, bytes);
}

// Publishes everything written so far.
void SealIfAsked(ThreadState& t) noexcept;
inline void Commit(ThreadState& t) noexcept {
  t.chunk->committed.store(static_cast<std::uint32_t>(t.write - t.chunk_begin),
                           std::memory_order_release);
  t.is_writing->store(0, std::memory_order_release);
  if (__builtin_expect(t.seals_each, false)) SealIfAsked(t);
}

// Gives the chunk to the recorder, if it has not been taken back; the thread is left without one.
// All that was written is committed.
void SealChunk(ThreadState& t) noexcept;

// Counts one dropped event, in the ring's header at once and in the stream when there is room
// again.
void CountLost(ThreadState& t, std::uint64_t bytes) noexcept;

inline std::uint8_t* PutTicks(ThreadState& t, std::uint8_t* out, std::uint64_t ticks) noexcept {
  // Clocks of two processors may differ by a few cycles after a migration: never backwards.
  const std::uint64_t delta = ticks > t.last_ticks ? ticks - t.last_ticks : 0;
  t.last_ticks += delta;
  return wire::PutVarint(out, delta);
}

inline std::uint8_t* PutAddress(ThreadState& t, std::uint8_t* out, const void* address) noexcept {
  const auto at = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(address) >> 3);
  out = wire::PutVarint(out, wire::ZigZag(at - t.last_address));
  t.last_address = at;
  return out;
}

// kMalloc, kCalloc, or kAllocate, kMap, kObjectAllocate with its allocator byte.
void WriteAcquire(ThreadState& t, wire::EventKind kind, wire::Allocator allocator,
                  std::uint64_t ticks, const void* address, std::size_t size) noexcept;
void WriteRelease(ThreadState& t, wire::EventKind kind, std::uint64_t ticks,
                  const void* address) noexcept;
void WriteReallocate(ThreadState& t, wire::Allocator allocator, std::uint64_t ticks_before,
                     const void* before, std::uint64_t ticks_after, const void* after,
                     std::size_t size) noexcept;
void WriteUnmap(ThreadState& t, std::uint64_t ticks, const void* address,
                std::size_t size) noexcept;
void WriteRemap(ThreadState& t, std::uint64_t ticks_before, const void* before,
                std::size_t old_size, std::uint64_t ticks_after, const void* after,
                std::size_t size) noexcept;
void WriteAdvise(ThreadState& t, std::uint64_t ticks, const void* address, std::size_t size,
                 int advice) noexcept;
void WriteFork(ThreadState& t, std::uint64_t ticks) noexcept;
bool WriteMark(ThreadState& t, std::uint64_t ticks, const char* name, std::uint64_t count) noexcept;
void WriteThread(ThreadState& t) noexcept;
void WriteThreadName(ThreadState& t, const char* name, std::size_t length) noexcept;
void WriteThreadEnd(ThreadState& t) noexcept;

inline std::uint8_t* PutTag(std::uint8_t* out, wire::EventKind kind,
                            std::uint8_t flags = 0) noexcept {
  *out++ = static_cast<std::uint8_t>(static_cast<std::uint8_t>(kind) | flags);
  return out;
}
std::uint8_t* PutText(std::uint8_t* out, const char* text, std::size_t length) noexcept;

}  // namespace memwhy::agent
