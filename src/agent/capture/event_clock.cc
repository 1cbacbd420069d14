// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/event_clock.h"

namespace memwhy::agent {
namespace {

// Takes up the permit when it is ours. The caller looks at the clock then, behind a load fence.
bool TakePermit(ThreadState& t) noexcept {
  const std::uint64_t word = g_agent.ring->clock_permit.load(std::memory_order_acquire);
  const bool is_ours = wire::kMayPermit && wire::PermitsThread(word, t.thread_index);
  t.permit = is_ours ? word : wire::kNoPermit;
  t.stamps_left = kMostStamps;
  return is_ours;
}

// An event of `ticks` without a permit: nobody else's may last over it.
std::uint64_t WithoutPermit(ThreadState& t, std::uint64_t ticks) noexcept {
  if (wire::kMayPermit) {
    const std::uint64_t word = wire::LoadAfterClock(&g_agent.ring->clock_permit, ticks);
    if (__builtin_expect(wire::Permits(word), false) &&
        !wire::PermitsThread(word, t.thread_index)) {
      wire::Revoke(&g_agent.ring->clock_permit);
    }
  }
  return ticks;
}

}  // namespace

std::uint64_t LookBefore(ThreadState& t) noexcept {
  if (TakePermit(t)) return t.stamp = TicksAfter();
  // Behind a load fence, too: else the processor may look at the clock before it has the address
  // of the block, which another thread takes meanwhile.
  return WithoutPermit(t, TicksAfter());
}

std::uint64_t LookAfter(ThreadState& t) noexcept {
  if (TakePermit(t)) return t.stamp = TicksAfter();
  return WithoutPermit(t, TicksAfter());
}

}  // namespace memwhy::agent
