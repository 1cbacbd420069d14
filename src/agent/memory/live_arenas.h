// SPDX-License-Identifier: Apache-2.0
//
// The arenas that pymalloc has now, as the agent saw it take and give them.
#pragma once

#include <cstdint>

#include "agent/ground/agent.h"

namespace memwhy::agent {

// visit(address) of each, in no order; of ring->arena_bytes each. None without a ring.
template <typename Visit>
void EachLiveArena(const Visit& visit) noexcept {
  const wire::RingHeader* ring = g_agent.ring;
  if (ring == nullptr || g_agent.arenas == nullptr) return;
  const std::uint32_t used = ring->arenas_used.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < used && i < ring->arena_capacity; ++i) {
    if (const std::uintptr_t arena = g_agent.arenas[i]; arena != 0) visit(arena);
  }
}

}  // namespace memwhy::agent
