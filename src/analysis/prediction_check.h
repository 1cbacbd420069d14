// SPDX-License-Identifier: Apache-2.0
//
// A verdict's numeric predictions against a later recording of the same program. Each finding that
// grows predicts its rate: per operation where both recordings count operations, else per second.
// No numbers of the later one, no judgement. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/finding.h"

namespace memwhy::analysis {

enum class PredictionResult : unsigned char {
  kHeld,     // measured within a factor of two
  kLess,     // under a half
  kMore,     // over twice
  kGone,     // the later recording has no such growth
  kUnknown,  // the later recording cannot tell
};
const char* Name(PredictionResult result);  // held, less, more, gone, unknown

struct PredictionCheck {
  std::string id;  // of the finding
  std::string title;
  std::string unit;  // bytes/second, or bytes/operation
  double predicted = 0;
  std::optional<double> measured;  // nullopt: gone or unknown
  PredictionResult result = PredictionResult::kUnknown;
  std::string why;
};

// In the order of the findings; without those that blame nobody or do not grow.
std::vector<PredictionCheck> CheckPredictions(const Verdict& verdict, const Verdict& later);

// 0 all held, 1 one did not, 4 nothing was predicted or the later recording cannot tell.
int ExitCode(const std::vector<PredictionCheck>& checks);

}  // namespace memwhy::analysis
