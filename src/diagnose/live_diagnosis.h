// SPDX-License-Identifier: Apache-2.0
//
// Records a program for a diagnosis: starts it, watches it, takes passes over its address space and
// heap graphs at the right moments, has small objects recorded for some seconds before, and ends it
// when the watch is over. Reading of the session for a heap graph happens on a second thread, so
// that draining never stops. One at a time (signals).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace memwhy::diagnose {

struct LiveOptions {
  std::vector<std::string> argv;
  std::string session;            // directory to make
  std::optional<double> seconds;  // nullopt: until the program ends
  bool is_native = false;         // C frames as well
  bool redacts = false;           // as recorder::RunOptions has it
  double max_pause_ms = 2000;     // a heap graph that would pause longer is refused
  // How long small Python objects are recorded before a heap dump: before the last one, or without
  // `seconds` before each. 0: not at all; nullopt: as long as suits `seconds`.
  std::optional<double> object_seconds;
  // What is done to the program when the watch is over (agent/entry/intervention.h): only with
  // `seconds`. `confirms`: the one that decides whether the first finding is true, too.
  std::vector<std::string> interventions;
  bool confirms = false;
  std::function<void(std::string_view)> say;  // progress, one line without its end
};

struct LiveOutcome {
  std::string session;  // absolute path
  std::string trouble;  // "" or why nothing was recorded
};

// An error: the program could not be started, and was not run.
Result<LiveOutcome> RecordForDiagnosis(const LiveOptions& options);

}  // namespace memwhy::diagnose
