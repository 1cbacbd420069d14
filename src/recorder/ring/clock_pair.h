// SPDX-License-Identifier: Apache-2.0
//
// The clock of the streams beside CLOCK_MONOTONIC, as facts carry it.
#pragma once

#include <optional>

#include "session/facts.h"
#include "wire/clock.h"

namespace memwhy::recorder {

inline std::optional<session::ClockPair> CounterPair() {
  if (!wire::kHasCycleCounter) return std::nullopt;
  return session::ClockPair{wire::ReadCyclesAfter(), wire::MonotonicNs()};
}

}  // namespace memwhy::recorder
