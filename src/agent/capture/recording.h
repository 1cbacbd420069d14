// SPDX-License-Identifier: Apache-2.0
//
// The gate that every hook passes: may this call be recorded, and by which thread state? And the
// time inside of it.
#pragma once

#include <cerrno>

#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/pending_request.h"

namespace memwhy::agent {

// Not recording yet, or a thread without a state. Keeps errno. (thread_state.cc)
ThreadState* RecordingThreadSlow() noexcept;

// An event of a signal handler that interrupts our own code finds its thread's stream half written:
// it cannot be recorded, but is counted.
inline constexpr std::uint32_t kOwnCode = 0x10000;  // of ThreadState::depth
void CountInterrupting() noexcept;                  // (thread_state.cc)

// The calling thread's state, or null: dormant, inside of another recorded call or of our own code,
// or out of memory (counted). In a forked child the first call opens its own ring.
inline ThreadState* RecordingThread() noexcept {
  ThreadState* t = t_self;
  if (__builtin_expect(CurrentMode() != kModeRecording || t == nullptr, false)) {
    t = RecordingThreadSlow();
    if (t == nullptr) return nullptr;
  }
  if (__builtin_expect(t->depth == 0, true)) return t;
  if (__builtin_expect(t->depth >= kOwnCode, false)) CountInterrupting();
  return nullptr;
}

// Keeps errno over the recording of an event, and tells calls inside of it apart.
class Recording {
 public:
  explicit Recording(ThreadState& t) noexcept : t_(t), errno_(*t.errno_at) { t_.depth += kOwnCode; }
  ~Recording() {
    t_.depth -= kOwnCode;
    *t_.errno_at = errno_;
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  ThreadState& t_;
  int errno_;
};

}  // namespace memwhy::agent
