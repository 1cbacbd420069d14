// SPDX-License-Identifier: Apache-2.0
//
// The clock of the event stream: the time-stamp counter where the kernel trusts it as its own clock
// source (then it is invariant and the same on all processors), else CLOCK_MONOTONIC.
// A release is stamped before the call (ReadBefore), an acquisition after it (ReadAfter), so that
// the order of two events on one address holds across threads. Source of the ordering argument:
// Intel SDM volume 2, RDTSC and LFENCE: stores retire after an earlier RDTSC, and LFENCE keeps a
// later RDTSC behind earlier loads.
#pragma once

#include <ctime>

#include <cstdint>

#include "wire/ring.h"

namespace memwhy::wire {

inline std::uint64_t MonotonicNs() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

#if defined(__x86_64__)
inline constexpr bool kHasCycleCounter = true;
inline std::uint64_t ReadCycles() noexcept { return __builtin_ia32_rdtsc(); }
inline std::uint64_t ReadCyclesAfter() noexcept {
  __builtin_ia32_lfence();
  return __builtin_ia32_rdtsc();
}
#else
inline constexpr bool kHasCycleCounter = false;
inline std::uint64_t ReadCycles() noexcept { return MonotonicNs(); }
inline std::uint64_t ReadCyclesAfter() noexcept { return MonotonicNs(); }
#endif

inline std::uint64_t ReadBefore(ClockKind kind) noexcept {
  return kind == ClockKind::kTsc ? ReadCycles() : MonotonicNs();
}

inline std::uint64_t ReadAfter(ClockKind kind) noexcept {
  return kind == ClockKind::kTsc ? ReadCyclesAfter() : MonotonicNs();
}

}  // namespace memwhy::wire
