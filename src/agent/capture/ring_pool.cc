// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/ring_pool.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "agent/capture/sandbox.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"

namespace memwhy::agent {
namespace {

constexpr std::uint64_t kRecorderSilenceNs = 3'000'000'000;  // then it is taken for dead
constexpr std::uint32_t kWakeEvery = 32;                     // sealed chunks: 1 MiB
// A program that stays below never makes the system call that TrimPool needs.
constexpr std::uint32_t kMinTrim = 32;

void WakeRecorder() noexcept {
  wire::RingHeader* ring = g_agent.ring;
  if (IsSandboxed()) return;  // it looks by itself
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

void RaiseTo(std::atomic<std::uint32_t>& mark, std::uint32_t value) noexcept {
  std::uint32_t old = mark.load(std::memory_order_relaxed);
  while (old < value && !mark.compare_exchange_weak(old, value)) {
  }
}

// The lowest free chunk: a quiet program stays within a few, which stay in the processor's cache.
wire::ChunkHeader* TryTake(const ThreadState& t) noexcept {
  for (std::uint32_t i = 0; i < g_agent.chunk_count; ++i) {
    wire::ChunkHeader& chunk = g_agent.chunks[i];
    auto expected = static_cast<std::uint32_t>(wire::ChunkState::kFree);
    if (chunk.state.load(std::memory_order_relaxed) != expected) continue;
    if (!chunk.state.compare_exchange_strong(expected, wire::OwnedBy(t.thread_index),
                                             std::memory_order_acq_rel)) {
      continue;
    }
    chunk.thread = t.thread_index;
    chunk.tid = t.tid;
    chunk.stream_offset = t.stream_offset;
    chunk.slot = t.slot;
    chunk.committed.store(0, std::memory_order_release);
    RaiseTo(g_agent.ring->chunks_used, i + 1);
    RaiseTo(g_agent.touched, i + 1);
    return &chunk;
  }
  return nullptr;
}

// Lets pages that were not needed for some time leave our rss. They stay in the file, with all that
// is in them, and come back when they are touched; so a thread that takes one of these chunks just
// now loses nothing.
void TrimPool() noexcept {
  if (IsSandboxed()) return;
  const std::uint32_t needed = g_agent.ring->chunks_needed.load(std::memory_order_relaxed);
  if (needed == 0 || g_agent.touched.load(std::memory_order_relaxed) < needed + kMinTrim) return;
  const std::uint32_t end = g_agent.touched.exchange(needed, std::memory_order_relaxed);
  if (end <= needed || end > g_agent.chunk_count) return;  // another thread did it
  syscall(SYS_madvise, g_agent.pool + std::size_t{needed} * wire::kChunkBytes,
          std::size_t{end - needed} * wire::kChunkBytes, MADV_DONTNEED);
}

// Whether waiting helps: a chunk is on its way to the recorder, or the recorder takes chunks of
// quiet threads back. What only an idle thread could give is not waited for.
bool MayComeFree() noexcept {
  if (g_agent.ring->take_back.load(std::memory_order_relaxed) !=
      static_cast<std::uint32_t>(wire::TakeBack::kNo)) {
    return true;
  }
  for (std::uint32_t i = 0; i < g_agent.chunk_count; ++i) {
    const auto state = wire::StateOf(g_agent.chunks[i].state.load(std::memory_order_relaxed));
    if (state == wire::ChunkState::kSealed || state == wire::ChunkState::kFree) return true;
  }
  return false;
}

// Many that wait look less often each, so that looking does not take the time that the recorder
// needs.
timespec PauseFor(std::uint32_t waiting) noexcept {
  constexpr std::uint32_t kMaxPauses = 25;
  constexpr long kPauseNs = 200'000;
  return {0, kPauseNs * static_cast<long>(waiting < kMaxPauses ? waiting : kMaxPauses)};
}

// Waits until there is a chunk; null when there is none within the budget.
wire::ChunkHeader* AwaitChunk(const ThreadState& t, std::uint64_t began) noexcept {
  WaitBudget& budget = g_agent.wait_budget;
  std::uint64_t now = began;
  while (!budget.IsSpent(now) && MayComeFree()) {
    WakeRecorder();
    const timespec pause = PauseFor(g_agent.ring->waiting.load(std::memory_order_relaxed));
    syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, nullptr);
    wire::ChunkHeader* chunk = TryTake(t);
    now = wire::MonotonicNs();
    budget.Charge(began, now);
    if (chunk != nullptr) return chunk;
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
  TrimPool();
  wire::ChunkHeader* chunk = TryTake(t);
  if (chunk != nullptr || IsSandboxed()) return chunk;
  const std::uint64_t began = wire::MonotonicNs();
  g_agent.ring->waiting.fetch_add(1, std::memory_order_relaxed);
  chunk = AwaitChunk(t, began);
  g_agent.ring->waiting.fetch_sub(1, std::memory_order_relaxed);
  g_agent.ring->waited_ns.fetch_add(wire::MonotonicNs() - began, std::memory_order_relaxed);
  return chunk;
}

void GiveChunk(wire::ChunkHeader* chunk, std::uint32_t owned) noexcept {
  const auto sealed_word = static_cast<std::uint32_t>(wire::ChunkState::kSealed);
  std::uint32_t expected = owned;
  if (!chunk->state.compare_exchange_strong(expected, sealed_word, std::memory_order_acq_rel)) {
    // Wanted: we may seal it as well as the recorder. Anything else: the recorder was first.
    expected = wire::WantedFrom(owned);
    if (!chunk->state.compare_exchange_strong(expected, sealed_word, std::memory_order_acq_rel)) {
      return;
    }
  }
  const std::uint32_t sealed =
      g_agent.ring->chunks_sealed_hint.fetch_add(1, std::memory_order_relaxed);
  // The recorder looks every 20 ms by itself. Woken earlier, it keeps a busy program within few
  // chunks.
  if (sealed % kWakeEvery == 0) WakeRecorder();
}

}  // namespace memwhy::agent
