// SPDX-License-Identifier: Apache-2.0
//
// Stands in for the parts of the agent that need a target: no Python, no stacks.
#include "agent/capture/sandbox.h"
#include "agent/capture/stack_cache.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/redaction.h"
#include "wire/event.h"

namespace memwhy::agent {

Agent g_agent;
std::atomic<std::uint32_t> g_no_slot{0};
std::atomic<bool> g_is_sandboxed{false};
Redaction g_redaction;

void SetMode(Mode) noexcept {}

std::uint32_t CaptureStack(ThreadState&) noexcept { return wire::kStackNone; }
std::uint32_t CaptureNative(ThreadState&, std::uint32_t python) noexcept { return python; }

}  // namespace memwhy::agent
