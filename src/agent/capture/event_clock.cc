// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/event_clock.h"

namespace memwhy::agent {
namespace {

// Takes up the permit when it is ours. The caller looks at the clock then, behind a load fence.
bool TakePermit(ThreadState& t) noexcept {
  const std::uint64_t word = g_agent.ring->clock_permit.load(std::memory_order_acquire);
  const bool is_ours = wire::kMayPermit && wire::PermitsThread(word, t.thread_index);
  t.permit = is_ours ? word : wire::kNoPermit;
  t.stamps_left = kMaxStamps;
  return is_ours;
}

// After an event of `ticks` without a permit: nobody else's may last over it.
void RevokeOthers(const ThreadState& t, std::uint64_t ticks) noexcept {
  if (!wire::kMayPermit) return;
  const std::uint64_t word = wire::LoadAfterClock(&g_agent.ring->clock_permit, ticks);
  if (__builtin_expect(wire::Permits(word), false) && !wire::PermitsThread(word, t.thread_index)) {
    wire::Revoke(&g_agent.ring->clock_permit);
  }
}

}  // namespace

std::uint64_t LookAtClock(ThreadState& t) noexcept {
  const bool is_permitted = TakePermit(t);
  // Behind a load fence also before a release: else the processor may look at the clock before it
  // has the address of the block, which another thread takes meanwhile.
  const std::uint64_t ticks = TicksAfter();
  if (is_permitted) {
    t.stamp = ticks;
  } else {
    RevokeOthers(t, ticks);
  }
  return ticks;
}

}  // namespace memwhy::agent
