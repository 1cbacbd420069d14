// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/arena_hook.h"

#include <cerrno>

#include "agent/capture/event_clock.h"
#include "agent/capture/recording.h"
#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/pending_request.h"
#include "agent/python/python_api.h"

namespace memwhy::agent {
namespace {

ArenaAllocator g_original;
std::size_t g_arena_bytes = 0;  // 0: unknown

// From 3.11 on the interpreter takes the memory of its frames here, too: 16 KiB for each thread.
// That is no arena: who walks the table would read another's memory as pools.
bool IsArena(std::size_t size) noexcept { return g_arena_bytes == 0 || size == g_arena_bytes; }

void List(void* arena) noexcept {
  for (std::uint32_t i = 0; i < wire::kArenaCapacity; ++i) {
    // Interpreters with a GIL of their own come here at the same time.
    std::uint64_t empty = 0;
    if (!__atomic_compare_exchange_n(&g_agent.arenas[i], &empty,
                                     reinterpret_cast<std::uint64_t>(arena), false,
                                     __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
      continue;
    }
    std::uint32_t used = g_agent.ring->arenas_used.load(std::memory_order_relaxed);
    while (used < i + 1 && !g_agent.ring->arenas_used.compare_exchange_weak(
                               used, i + 1, std::memory_order_release)) {
    }
    return;
  }
  g_agent.ring->arenas_unlisted.fetch_add(1, std::memory_order_relaxed);
}

void Unlist(void* arena) noexcept {
  const std::uint32_t used = g_agent.ring->arenas_used.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < used; ++i) {
    if (g_agent.arenas[i] != reinterpret_cast<std::uint64_t>(arena)) continue;
    __atomic_store_n(&g_agent.arenas[i], 0, __ATOMIC_RELEASE);
    return;
  }
  g_agent.ring->arenas_unlisted.fetch_sub(1, std::memory_order_relaxed);
}

// An arena inside of another recorded call (an object's, with --objects) is that call's own, but it
// is listed all the same: the table says what pymalloc has.
void* OnArenaAlloc(void* /*context*/, std::size_t size) {
  if (!IsArena(size)) return g_original.alloc(g_original.context, size);
  ThreadState* t = RecordingThread();
  if (t != nullptr) ++t->depth;
  void* arena = g_original.alloc(g_original.context, size);
  const int saved = errno;
  if (arena != nullptr && CurrentMode() == kModeRecording) List(arena);
  if (t != nullptr) {
    if (arena != nullptr) {
      WriteAcquire(*t, wire::EventKind::kAllocate, wire::Allocator::kPymallocArena, EventTicks(*t),
                   arena, size);
    }
    --t->depth;
  }
  errno = saved;
  return arena;
}

void OnArenaFree(void* /*context*/, void* arena, std::size_t size) {
  if (!IsArena(size)) return g_original.free(g_original.context, arena, size);
  if (CurrentMode() == kModeRecording) Unlist(arena);
  ThreadState* t = RecordingThread();
  if (t == nullptr) return g_original.free(g_original.context, arena, size);
  ++t->depth;
  WriteRelease(*t, wire::EventKind::kArenaFree, EventTicks(*t), arena);
  g_original.free(g_original.context, arena, size);
  --t->depth;
}

}  // namespace

void InstallArenaHook() noexcept {
  const PythonApi& api = g_python_api;
  if (api.PyObject_GetArenaAllocator == nullptr || api.PyObject_SetArenaAllocator == nullptr)
    return;
  g_arena_bytes = g_agent.ring->arena_bytes;
  api.PyObject_GetArenaAllocator(&g_original);
  ArenaAllocator ours{nullptr, &OnArenaAlloc, &OnArenaFree};
  api.PyObject_SetArenaAllocator(&ours);
}

}  // namespace memwhy::agent
