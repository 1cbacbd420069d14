// SPDX-License-Identifier: Apache-2.0
//
// memwhy govern run: samples, decides, acts, once a tick. Invariant: what it turned down is given
// back when it ends, whichever way (leases, guardian). It stops for SIGTERM and SIGINT; with a
// program it passes them on and ends with the program. One thread, beside those of samplers; blocks
// signals for the process while it runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "govern/plan/govern_plan.h"

namespace memwhy::govern {

// One tick, as metrics and the summary see it.
struct GovernStatus {
  TickInput input;
  Decision decision;
  std::string actuator;
  std::string act_result;
  std::optional<std::int64_t> effective;
  std::vector<std::string> problems;  // of signals, "" for one that was read
  std::vector<std::string> actuator_problems;
  std::uint64_t ticks = 0;
  std::uint64_t cuts = 0;
  std::uint64_t raises = 0;
  std::uint64_t reversals = 0;
  std::uint64_t escalations = 0;
  std::uint64_t failed_acts = 0;
  std::uint64_t failed_log_lines = 0;
  std::vector<double> rebalances_s;               // of the last thousand
  std::optional<std::int64_t> slowest_effect_ms;  // from a cut to its confirmation
  double busy_s = 0;                              // CPU time of all ticks
  double slowest_tick_ms = 0;                     // CPU time
};

struct SuperviseOptions {
  std::vector<std::string> program;
  double for_s = 0;                                  // 0: until a signal, or the program's end
  std::function<int()> take_alert;                   // a Level, or -1; may be empty
  std::function<void(const GovernStatus&)> publish;  // after each tick; may be empty
};

struct SuperviseResult {
  GovernStatus last;
  double seconds = 0;
  std::optional<int> exit_code;  // of the program; 128 + signal
};

Result<SuperviseResult> Supervise(const GovernPlan& plan, const SuperviseOptions& options);

}  // namespace memwhy::govern
