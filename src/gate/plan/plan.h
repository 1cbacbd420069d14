// SPDX-License-Identifier: Apache-2.0
//
// memwhy.yaml: which programs are measured how often, and what they may take
// (docs/formats/gate.md). Invariant: what is in the file is understood whole: an unknown or
// repeated key, a budget that cannot be judged, is an error with line and column. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "gate/plan/metric.h"

namespace memwhy::gate {

// At least one of the bounds is there.
struct Budget {
  const Metric* metric = nullptr;
  std::optional<double> limit;             // the level itself, bytes or a number
  std::optional<double> increase;          // over the baseline, bytes or a number
  std::optional<double> increase_percent;  // over the baseline
  std::optional<double> growth;            // per operation, bytes or a number
  std::optional<double> limit_percent;     // of the workload's memory_limit; `limit` follows
  std::optional<double> until_limit;       // operations until memory_limit, by growth

  bool needs_baseline() const { return increase || increase_percent; }
  bool judges_growth() const { return growth || until_limit; }
  bool has_level() const { return limit || needs_baseline(); }
};

struct Workload {
  std::string name;
  std::vector<std::string> command;
  std::string directory;  // absolute
  std::vector<std::pair<std::string, std::string>> environment;
  std::string mark;                    // of memwhy.mark; "": none
  double warm_up = 0;                  // operations before those that are judged
  std::optional<double> operations;    // that are judged, in one process
  int repeats = 7;                     // fresh processes
  std::optional<double> memory_limit;  // bytes: of the deployment
  double timeout_s = 600;              // of one process
  std::vector<Budget> budgets;

  bool needs(RunKind kind) const;
  bool needs_baseline() const;
};

struct Plan {
  std::string path;
  std::string folder;    // absolute, where it lies
  std::string baseline;  // path of the baseline file, absolute or relative as --baseline
  std::vector<std::string> ignored;  // parts of the fingerprint that may differ
  std::vector<Workload> workloads;
};

// Errors begin with "PATH:LINE:COLUMN: ".
Result<Plan> LoadPlan(const std::string& path);
// `path` names the text in errors; relative folders begin at its folder.
Result<Plan> ParsePlan(const std::string& path, const std::string& text);

// The fewest fresh processes by which a change of a noisy level can be told.
inline constexpr int kFewestRepeats = 7;

}  // namespace memwhy::gate
