// SPDX-License-Identifier: Apache-2.0
//
// Requests from outside (wire/ring.h: request_*): a look at the heap, run in the target.
//
// How one gets in, without a thread of ours waiting in the target: the poster sends the request's
// signal to a thread that sleeps in a system call; its handler starts a thread, which serves the
// request and ends. Where no thread sleeps, or none may be signalled, the next allocation notices
// the posted request and asks the interpreter to run it on the main thread between two bytecodes
// (Py_AddPendingCall); when that thread waits for long, a later allocation starts the thread.
// Everything that the serving thread allocates comes from private memory.
#pragma once

#include <atomic>

#include "agent/agent.h"

namespace memwhy::agent {

// True on a thread that serves a request (or is just starting one).
extern __thread __attribute__((tls_model("initial-exec"))) bool t_serves_request;

// Picks a free real-time signal (request_signal.h), installs its handler.
void InstallRequestSignal() noexcept;

void NoticeRequestSlow() noexcept;

// Called after a recorded allocation: one load.
inline void NoticeRequest() noexcept {
  if (__builtin_expect(g_agent.ring->request_state.load(std::memory_order_relaxed) ==
                           static_cast<std::uint32_t>(wire::RequestState::kPosted),
                       false)) {
    NoticeRequestSlow();
  }
}

}  // namespace memwhy::agent
