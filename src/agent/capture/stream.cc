// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/stream.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstring>

#include "agent/capture/native_stack.h"
#include "agent/capture/ring_pool.h"
#include "agent/capture/sandbox.h"
#include "agent/capture/stack_cache.h"
#include "agent/ground/agent.h"
#include "agent/ground/redaction.h"

namespace memwhy::agent {
namespace {

using wire::Allocator;
using wire::EventKind;
using wire::PutVarint;

constexpr std::size_t kMaxKernelName = 15;

void WriteLost(ThreadState& t) noexcept {
  std::uint8_t* out = PutTag(t.write, EventKind::kLost);
  out = PutVarint(out, t.lost_events);
  t.write = PutVarint(out, t.lost_bytes);
  t.lost_events = 0;
  t.lost_bytes = 0;
}

// The stack, then room for one event. False: dropped, counted.
bool Prepare(ThreadState& t, std::size_t size, std::uint32_t* stack) noexcept {
  *stack = CaptureStack(t);
  if (__builtin_expect(t.native != nullptr, false)) *stack = CaptureNative(t, *stack);
  if (!MakeRoom(t, kHotRoom)) {
    CountLost(t, size);
    return false;
  }
  return true;
}

// The flags byte, and size and stack where they differ from the previous ones.
std::uint8_t TakeFlags(const ThreadState& t, std::size_t size, std::uint32_t stack) noexcept {
  return static_cast<std::uint8_t>((size == t.last_size ? wire::kSameSize : 0) |
                                   (stack == t.last_stack ? wire::kSameStack : 0));
}

std::uint8_t* PutSizeAndStack(ThreadState& t, std::uint8_t* out, std::size_t size,
                              std::uint32_t stack) noexcept {
  if (size != t.last_size) out = PutVarint(out, size);
  if (stack != t.last_stack) out = PutVarint(out, stack);
  t.last_size = size;
  t.last_stack = stack;
  return out;
}

}  // namespace

bool MakeRoomSlow(ThreadState& t, std::ptrdiff_t bytes) noexcept {
  if (t.chunk != nullptr) SealChunk(t);
  wire::ChunkHeader* chunk = TakeChunk(t);
  if (chunk == nullptr) {
    t.is_writing->store(0, std::memory_order_release);
    return false;
  }
  // The recorder takes no chunk back that holds nothing; so this one is ours up to its first
  // commit, and is_writing is set before that.
  t.chunk = chunk;
  t.owned = wire::OwnedBy(t.thread_index);
  t.chunk_begin =
      g_agent.pool + static_cast<std::size_t>(chunk - g_agent.chunks) * wire::kChunkBytes;
  t.write = t.chunk_begin;
  t.limit = t.chunk_begin + wire::kChunkBytes;
  if (t.lost_events != 0) WriteLost(t);
  return t.limit - t.write >= bytes;
}

void CountLost(ThreadState& t, std::uint64_t bytes) noexcept {
  ++t.lost_events;
  t.lost_bytes += bytes;
  g_agent.ring->lost_events.fetch_add(1, std::memory_order_relaxed);
  g_agent.ring->lost_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void SealChunk(ThreadState& t) noexcept {
  if (t.chunk == nullptr) return;
  t.stream_offset += static_cast<std::uint64_t>(t.write - t.chunk_begin);
  GiveChunk(t.chunk, t.owned);
  t.chunk = nullptr;
  t.write = t.limit = t.chunk_begin = nullptr;
}

// A thread that ends makes no further event that could seal the last one, and a chunk of a thread
// without a slot cannot be taken back.
void SealIfAsked(ThreadState& t) noexcept {
  if (t.seals_each) SealChunk(t);
}

std::uint8_t* PutText(std::uint8_t* out, const char* text, std::size_t length) noexcept {
  out = PutVarint(out, length);
  if (length != 0) std::memcpy(out, text, length);
  return out + length;
}

void WriteAcquire(ThreadState& t, EventKind kind, Allocator allocator, std::uint64_t ticks,
                  const void* address, std::size_t size) noexcept {
  std::uint32_t stack;
  if (!Prepare(t, size, &stack)) return;
  std::uint8_t* out = PutTag(t.write, kind, TakeFlags(t, size, stack));
  if (kind == EventKind::kAllocate || kind == EventKind::kMap ||
      kind == EventKind::kObjectAllocate) {
    *out++ = static_cast<std::uint8_t>(allocator);
  }
  out = PutTicks(t, out, ticks);
  out = PutAddress(t, out, address);
  t.write = PutSizeAndStack(t, out, size, stack);
  Commit(t);
}

void WriteRelease(ThreadState& t, EventKind kind, std::uint64_t ticks,
                  const void* address) noexcept {
  if (!MakeRoom(t, kHotRoom)) return CountLost(t, 0);
  std::uint8_t* out = PutTag(t.write, kind);
  out = PutTicks(t, out, ticks);
  t.write = PutAddress(t, out, address);
  Commit(t);
}

void WriteReallocate(ThreadState& t, Allocator allocator, std::uint64_t ticks_before,
                     const void* before, std::uint64_t ticks_after, const void* after,
                     std::size_t size) noexcept {
  std::uint32_t stack;
  if (!Prepare(t, size, &stack)) return;
  std::uint8_t* out = PutTag(t.write, EventKind::kRealloc, TakeFlags(t, size, stack));
  *out++ = static_cast<std::uint8_t>(allocator);
  out = PutTicks(t, out, ticks_before);
  out = PutAddress(t, out, before);
  out = PutTicks(t, out, ticks_after);
  out = PutAddress(t, out, after);
  t.write = PutSizeAndStack(t, out, size, stack);
  Commit(t);
}

void WriteUnmap(ThreadState& t, std::uint64_t ticks, const void* address,
                std::size_t size) noexcept {
  if (!MakeRoom(t, kHotRoom)) return CountLost(t, size);
  std::uint8_t* out = PutTag(t.write, EventKind::kUnmap);
  out = PutTicks(t, out, ticks);
  out = PutAddress(t, out, address);
  t.write = PutVarint(out, size);
  Commit(t);
}

void WriteRemap(ThreadState& t, std::uint64_t ticks_before, const void* before,
                std::size_t old_size, std::uint64_t ticks_after, const void* after,
                std::size_t size) noexcept {
  std::uint32_t stack;
  if (!Prepare(t, size, &stack)) return;
  std::uint8_t* out = PutTag(t.write, EventKind::kRemap, TakeFlags(t, size, stack));
  out = PutTicks(t, out, ticks_before);
  out = PutAddress(t, out, before);
  out = PutVarint(out, old_size);
  out = PutTicks(t, out, ticks_after);
  out = PutAddress(t, out, after);
  t.write = PutSizeAndStack(t, out, size, stack);
  Commit(t);
}

void WriteAdvise(ThreadState& t, std::uint64_t ticks, const void* address, std::size_t size,
                 int advice) noexcept {
  if (!MakeRoom(t, kHotRoom)) return CountLost(t, 0);
  std::uint8_t* out = PutTag(t.write, EventKind::kAdvise);
  out = PutTicks(t, out, ticks);
  out = PutAddress(t, out, address);
  out = PutVarint(out, size);
  t.write = PutVarint(out, static_cast<std::uint64_t>(advice));
  Commit(t);
}

void WriteFork(ThreadState& t, std::uint64_t ticks) noexcept {
  if (!MakeRoom(t, kHotRoom)) return CountLost(t, 0);
  std::uint8_t* out = PutTag(t.write, EventKind::kFork);
  out = PutTicks(t, out, ticks);
  out = PutVarint(out, 0);  // the child's pid is not known yet
  t.write = PutVarint(out, 0);
  Commit(t);
}

bool WriteMark(ThreadState& t, std::uint64_t ticks, const char* name,
               std::uint64_t count) noexcept {
  const std::size_t length = strnlen(name, wire::kMaxMarkBytes);
  if (!MakeRoom(t, kHotRoom + static_cast<std::ptrdiff_t>(length))) {
    CountLost(t, 0);
    return false;
  }
  std::uint8_t* out = PutTag(t.write, EventKind::kMark);
  out = PutTicks(t, out, ticks);
  out = PutVarint(out, count);
  t.write = PutText(out, name, length);
  Commit(t);
  return true;
}

void WriteThread(ThreadState& t) noexcept {
  if (!MakeRoom(t, 2 * kHotRoom)) return CountLost(t, 0);
  t.last_ticks = TicksBefore();
  std::uint8_t* out = PutTag(t.write, EventKind::kTime);
  out = PutVarint(out, t.last_ticks);
  out = PutTag(out, EventKind::kThread);
  out = PutVarint(out, t.tid);
  out = PutVarint(out, static_cast<std::uint64_t>(pthread_self()));
  out = PutVarint(out, reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
  char name[wire::kMaxTokenBytes] = {};
  if (!IsSandboxed()) prctl(PR_GET_NAME, name);
  std::size_t length = strnlen(name, kMaxKernelName);
  // What the program is called is no name that it gave.
  if (g_redaction.is_on && length != 0 &&
      std::strncmp(name, program_invocation_short_name, kMaxKernelName) != 0) {
    length = wire::PutToken(g_redaction.key, "thread", name, length, name);
  }
  t.write = PutText(out, name, length);
  Commit(t);
}

void WriteThreadName(ThreadState& t, const char* name, std::size_t length) noexcept {
  if (!MakeRoom(t, kHotRoom + static_cast<std::ptrdiff_t>(length))) return CountLost(t, 0);
  std::uint8_t* out = PutTag(t.write, EventKind::kThreadName);
  t.write = PutText(out, name, length);
  Commit(t);
}

void WriteThreadEnd(ThreadState& t) noexcept {
  if (!MakeRoom(t, kHotRoom)) return CountLost(t, 0);
  std::uint8_t* out = PutTag(t.write, EventKind::kThreadEnd);
  t.write = PutTicks(t, out, TicksBefore());
  Commit(t);
}

}  // namespace memwhy::agent
