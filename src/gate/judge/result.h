// SPDX-License-Identifier: Apache-2.0
//
// What a gate says: a state for each bound of each budget, for each workload and for the whole.
// Plain data, what every report prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gate/measurement.h"
#include "gate/plan/metric.h"

namespace memwhy::gate {

enum class State : std::uint8_t { kPass, kImproved, kInconclusive, kEnvMismatch, kRegress };
// "pass", "improved", "inconclusive", "env-mismatch", "regress".
const char* StateName(State state);
// 0, 0, 4, 5, 1.
int StateExitCode(State state);
// The one that decides for both: regress before env-mismatch before inconclusive before improved.
State Worse(State a, State b);

enum class Bound : std::uint8_t { kLimit, kIncrease, kGrowth, kForecast, kKilled };
// "limit", "increase", "growth", "until_limit", "killed".
const char* BoundName(Bound bound);

struct BoundResult {
  const Metric* metric = nullptr;
  Bound bound = Bound::kLimit;
  State state = State::kPass;
  std::vector<double> baseline;   // samples; empty without a baseline
  std::vector<double> candidate;  // samples; of growth per operation, one for each run
  std::optional<double> baseline_median;
  std::optional<double> candidate_median;
  std::optional<double> delta;    // of the medians
  std::optional<double> percent;  // delta of the baseline's median
  double allowed = 0;             // the level, the change or the growth per operation that may be
  std::optional<double> p;        // of the test that was made
  std::optional<std::size_t> more_repeats;  // inconclusive: how many would decide; nullopt: unknown
  std::string why;                          // one sentence, with the number that decided
  std::vector<StackSample> stacks;  // regress: bytes and blocks more than before, or that grew
};

// Bytes of one stack at the heap's peak.
struct StackChange {
  StackSample stack;  // its bytes and blocks are the difference
  double before = 0;
  double after = 0;
};

struct WorkloadResult {
  std::string name;
  std::vector<StackChange> peak;  // of both sides; without a baseline `before` is 0
  State state = State::kPass;
  std::vector<std::string> differences;  // of the environment, that are not ignored
  std::vector<BoundResult> bounds;
};

struct GateResult {
  State state = State::kPass;
  std::string plan;             // path
  std::string made;             // RFC 3339, UTC
  std::string baseline;         // what it was compared with; "" nothing
  std::string baseline_made;    // "" unknown
  std::string baseline_reason;  // ""
  Fingerprint fingerprint;
  std::vector<WorkloadResult> workloads;
};

}  // namespace memwhy::gate
