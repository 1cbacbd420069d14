// SPDX-License-Identifier: Apache-2.0
//
// Whether a request waits to be served (request.h): one load at each recorded allocation.
#pragma once

#include <atomic>

#include "agent/ground/agent.h"

namespace memwhy::agent {

// True on a thread that serves a request (or is just starting one).
extern __thread __attribute__((tls_model("initial-exec"))) bool t_serves_request;

// Has the posted request served soon. (request.cc)
void NoticeRequestSlow() noexcept;

// Called after a recorded allocation: one load.
inline void NoticeRequest() noexcept {
  if (__builtin_expect(g_agent.ring->request.state.load(std::memory_order_relaxed) ==
                           static_cast<std::uint32_t>(wire::RequestState::kPosted),
                       false)) {
    NoticeRequestSlow();
  }
}

}  // namespace memwhy::agent
