// SPDX-License-Identifier: Apache-2.0
//
// memwhy govern run: samples, decides, acts, once a tick. Invariant: what it turned down is given
// back when it ends, whichever way (leases, guardian). It stops for SIGTERM and SIGINT; with a
// program it passes them on and ends with the program. One thread, beside those of samplers; blocks
// signals for the process while it runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "govern/plan/govern_plan.h"

namespace memwhy::govern {

// The run so far, as the summary sees it: the last tick, and sums.
struct GovernStatus {
  TickInput input;
  Decision decision;
  std::uint64_t ticks = 0;
  std::uint64_t cuts = 0;
  std::uint64_t raises = 0;
  std::uint64_t reversals = 0;
  std::uint64_t escalations = 0;
  std::uint64_t failed_log_lines = 0;
  std::vector<double> rebalances_s;               // of the last thousand
  std::optional<std::int64_t> slowest_effect_ms;  // from a cut to its confirmation
  double busy_s = 0;                              // CPU time of all ticks
  double slowest_tick_ms = 0;                     // CPU time
};

struct SuperviseOptions {
  std::vector<std::string> program;
  double for_s = 0;  // 0: until a signal, or the program's end
};

struct SuperviseResult {
  GovernStatus last;
  double seconds = 0;
  std::optional<int> exit_code;  // of the program; 128 + signal
};

Result<SuperviseResult> Supervise(const GovernPlan& plan, const SuperviseOptions& options);

}  // namespace memwhy::govern
