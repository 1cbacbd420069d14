// SPDX-License-Identifier: Apache-2.0
//
// The time of an event, in ticks of the stream. With the clock permit (wire/clock_permit.h) it is
// that of the thread's last look at the clock: the event came later than that, by kMaxStamps
// events or the recorder's next word (some 20 ms while nothing holds it up) at most. Marks, forks
// and ends of threads are exact (TicksBefore): what is counted from them begins with them.
// Context: the owning thread.  Allocates: never.
#pragma once

#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "wire/clock_permit.h"

namespace memwhy::agent {

inline constexpr std::uint32_t kMaxStamps = 64;  // events between two looks at the clock

// Looks at the clock, and finds out for how long that does. (event_clock.cc)
std::uint64_t LookAtClock(ThreadState& t) noexcept;

// Whether the last look still does.
inline bool MayStamp(ThreadState& t) noexcept {
  return wire::kMayPermit &&
         __builtin_expect(g_agent.ring->clock_permit.load(std::memory_order_acquire) == t.permit,
                          true) &&
         __builtin_expect(--t.stamps_left != 0, true);
}

// Called before a block is given back, and after one was got.
inline std::uint64_t EventTicks(ThreadState& t) noexcept {
  return MayStamp(t) ? t.stamp : LookAtClock(t);
}

}  // namespace memwhy::agent
