// SPDX-License-Identifier: Apache-2.0
#include "agent/ring_pool.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "agent/agent.h"
#include "agent/thread_state.h"

namespace memwhy::agent {
namespace {

constexpr std::uint64_t kRecorderSilenceNs = 3'000'000'000;  // then it is taken for dead
// A wait up to this is the pace of a busy recorder; beyond it counts against the thread's budget,
// so that a slow disk cannot hold the target back for long.
constexpr std::uint64_t kFreeWaitNs = 50'000'000;
constexpr std::uint32_t kWakeEvery = 32;  // sealed chunks: 1 MiB

void WakeRecorder() noexcept {
  wire::RingHeader* ring = g_agent.ring;
  if (ring->recorder_sleeps.exchange(0, std::memory_order_acq_rel) != 0) {
    syscall(SYS_futex, &ring->recorder_sleeps, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
}

// Nobody reads any more: what is in the ring stays there for the reader, nothing is added. Later
// events are not even counted, so the time says since when the session knows nothing.
void Detach(std::uint64_t now) noexcept {
  g_agent.ring->detached_ns.store(now, std::memory_order_relaxed);
  g_agent.ring->state.store(static_cast<std::uint32_t>(wire::AgentState::kDetached),
                            std::memory_order_release);
  SetMode(kModeDormant);
}

// The lowest free chunk: a quiet program stays within a few, which stay in the processor's cache.
wire::ChunkHeader* TryTake(const ThreadState& t) noexcept {
  for (std::uint32_t i = 0; i < g_agent.chunk_count; ++i) {
    wire::ChunkHeader& chunk = g_agent.chunks[i];
    auto expected = static_cast<std::uint32_t>(wire::ChunkState::kFree);
    if (chunk.state.load(std::memory_order_relaxed) != expected) continue;
    if (!chunk.state.compare_exchange_strong(expected,
                                             static_cast<std::uint32_t>(wire::ChunkState::kOwned),
                                             std::memory_order_acq_rel)) {
      continue;
    }
    chunk.thread = t.thread_index;
    chunk.tid = t.tid;
    chunk.stream_offset = t.stream_offset;
    chunk.committed.store(0, std::memory_order_release);
    std::uint32_t used = g_agent.ring->chunks_used.load(std::memory_order_relaxed);
    while (used < i + 1 && !g_agent.ring->chunks_used.compare_exchange_weak(used, i + 1)) {
    }
    return &chunk;
  }
  return nullptr;
}

// Many that wait look less often each, so that looking does not take the time that the recorder
// needs.
timespec PauseFor(std::uint32_t waiting) noexcept {
  constexpr std::uint32_t kMostPauses = 25;
  constexpr long kPauseNs = 200'000;
  return {0, kPauseNs * static_cast<long>(waiting < kMostPauses ? waiting : kMostPauses)};
}

// Waits until there is a chunk. `left_ns`: what this thread may still wait beyond kFreeWaitNs.
wire::ChunkHeader* AwaitChunk(const ThreadState& t, std::uint64_t began,
                              std::uint64_t left_ns) noexcept {
  std::uint64_t now = began;
  while (now - began <= kFreeWaitNs + left_ns) {
    WakeRecorder();
    const timespec pause = PauseFor(g_agent.waiting.load(std::memory_order_relaxed));
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, nullptr);
    wire::ChunkHeader* chunk = TryTake(t);
    if (chunk != nullptr) return chunk;
    now = wire::MonotonicNs();
    const std::uint64_t beat = g_agent.ring->recorder_beat_ns.load(std::memory_order_relaxed);
    if (now > beat + kRecorderSilenceNs) {
      Detach(now);
      return nullptr;
    }
  }
  return nullptr;
}

}  // namespace

wire::ChunkHeader* TakeChunk(ThreadState& t) noexcept {
  if (g_agent.ring->stop.load(std::memory_order_relaxed) != 0) {
    Detach(wire::MonotonicNs());
    return nullptr;
  }
  wire::ChunkHeader* chunk = TryTake(t);
  if (chunk != nullptr || t.charged_ns >= g_agent.wait_budget_ns) return chunk;
  const std::uint64_t began = wire::MonotonicNs();
  g_agent.waiting.fetch_add(1, std::memory_order_relaxed);
  chunk = AwaitChunk(t, began, g_agent.wait_budget_ns - t.charged_ns);
  g_agent.waiting.fetch_sub(1, std::memory_order_relaxed);
  const std::uint64_t waited = wire::MonotonicNs() - began;
  if (waited > kFreeWaitNs) t.charged_ns += waited - kFreeWaitNs;
  g_agent.ring->waited_ns.fetch_add(waited, std::memory_order_relaxed);
  return chunk;
}

void GiveChunk(wire::ChunkHeader* chunk, std::uint32_t bytes) noexcept {
  chunk->committed.store(bytes, std::memory_order_release);
  chunk->state.store(static_cast<std::uint32_t>(wire::ChunkState::kSealed),
                     std::memory_order_release);
  const std::uint32_t sealed =
      g_agent.ring->chunks_sealed_hint.fetch_add(1, std::memory_order_relaxed);
  // The recorder looks every 20 ms by itself. Woken earlier, it keeps a busy program within few
  // chunks.
  if (sealed % kWakeEvery == 0) WakeRecorder();
}

}  // namespace memwhy::agent
