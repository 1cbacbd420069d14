// SPDX-License-Identifier: Apache-2.0
//
// What all parts of the agent share: the mode, the mapped ring, the interpreter as found.
// Written once by Start() (start.cc) before the mode says kRecording; read by every hook.
#pragma once

#include <atomic>
#include <cstdint>

#include "agent/ground/wait_budget.h"
#include "cpython/layout.h"
#include "cpython/peek.h"
#include "wire/clock.h"
#include "wire/ring.h"

namespace memwhy::agent {

enum Mode : std::uint32_t {
  kModeUnset = 0,  // before Start, and in a forked child (the page is wiped at fork)
  kModeRecording = 1,
  kModeDormant = 2,
};

// Lies alone on a page that the kernel zeroes in every forked child, however it was forked: a child
// never writes into its parent's ring.
struct ModePage {
  std::atomic<std::uint32_t> mode;
  std::atomic<std::uint32_t> objects;  // 1 in an object period (capture/object_period.h)
};
extern ModePage& g_mode_page;

inline Mode CurrentMode() noexcept {
  // Relaxed: everything that kModeRecording promises was written before threads could see it.
  return static_cast<Mode>(g_mode_page.mode.load(std::memory_order_relaxed));
}
void SetMode(Mode mode) noexcept;

// The CPython of this process, found by FindPython (python_api.h).
struct Interpreter {
  // Null: its structures cannot be read, see `obstacle`. Allocations are recorded all the same.
  const cpython::Layout* layout = nullptr;
  const char* obstacle = nullptr;
  cpython::Address runtime = 0;    // &_PyRuntime
  cpython::Address code_type = 0;  // &PyCode_Type
  std::uint32_t version = 0;       // PY_VERSION_HEX
  bool free_threaded = false;
  void* (*current_thread_state)() = nullptr;  // NULL-returning variant
};

enum class Follow : std::uint8_t { kNone, kFork, kAll };

struct Agent {
  wire::RingHeader* ring = nullptr;
  wire::ChunkHeader* chunks = nullptr;
  std::uint64_t* arenas = nullptr;  // the ring file's arena table
  wire::ThreadSlot* slots = nullptr;
  std::uint8_t* pool = nullptr;
  std::uint32_t chunk_count = 0;
  wire::ClockKind clock = wire::ClockKind::kMonotonicNs;
  std::uint32_t clock_shift = 0;
  WaitBudget wait_budget;                 // for room in the ring
  std::atomic<std::uint32_t> touched{0};  // chunks whose pages may be in our rss, exclusive
  Interpreter python;
  Follow follow = Follow::kAll;
  bool has_started = false;        // Start succeeded; an unset mode then means: forked child
  bool needs_clock_calls = false;  // to read the clock is a system call here
  std::uint64_t fork_clock = 0;    // set just before each fork, in whole ticks
  std::uint64_t main_thread = 0;   // pthread_self of the first one; of the one that forked
  std::uint32_t fork_parent = 0;   // who forked; it may be gone before its child's first event
  // When an object period ended without a request for it; 0: none did.
  std::atomic<std::uint64_t> objects_ended_ns{0};
};
extern Agent g_agent;

// Small objects are recorded no longer, if they were; their hooks go with the request that ends the
// period. Context: any thread.
inline void StopObjects() noexcept {
  if (g_mode_page.objects.exchange(0) != 0) g_agent.objects_ended_ns.store(wire::MonotonicNs());
}

// How this interpreter's structures lie; only where it was found and is known.
inline const cpython::Layout& TheLayout() noexcept { return *g_agent.python.layout; }

// struct _gc_runtime_state: it belongs to an interpreter, up to 3.8 to the runtime.
inline cpython::Address CollectorOf(cpython::Address interpreter) noexcept {
  const cpython::Layout& layout = TheLayout();
  return (layout.minor == 8 ? g_agent.python.runtime : interpreter) + layout.gc_state;
}

// In a forked child, at its first event: a ring of its own, or dormant. (start.cc)
// Context: inside malloc, the only thread of the process.  Allocates: never.
void EnterForkedChild() noexcept;

inline std::uint64_t TicksBefore() noexcept {
  return wire::ReadBefore(g_agent.clock) >> g_agent.clock_shift;
}
inline std::uint64_t TicksAfter() noexcept {
  return wire::ReadAfter(g_agent.clock) >> g_agent.clock_shift;
}

}  // namespace memwhy::agent
