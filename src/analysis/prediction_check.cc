// SPDX-License-Identifier: Apache-2.0
#include "analysis/prediction_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/bytes.h"

namespace memwhy::analysis {
namespace {

constexpr double kFactor = 2;

bool IsSameLine(const Finding& a, const Finding& b) {
  return a.who_allocated && b.who_allocated && !a.who_allocated->file.empty() &&
         a.who_allocated->file == b.who_allocated->file &&
         a.who_allocated->line == b.who_allocated->line;
}

// One holder; where one of them has none, one line or one type.
bool IsSameCause(const Finding& a, const Finding& b) {
  if (a.who_holds && b.who_holds) {
    return a.who_holds->holder == b.who_holds->holder && !a.who_holds->holder.empty();
  }
  return IsSameLine(a, b) || (a.id == b.id && !a.what.type.empty() && a.what.type == b.what.type);
}

std::string Rate(double bytes, const std::string& unit) {
  return fmt::format("{} per {}", FormatSignedBytes(std::llround(bytes)),
                     unit.substr(unit.find('/') + 1));
}

// Of findings that are one cause in the later recording, the sum.
PredictionCheck CheckOne(const Finding& finding, const Verdict& later) {
  PredictionCheck check;
  check.id = finding.id;
  check.title = finding.title;
  bool counts = finding.growth_bytes_per_operation.has_value();
  double per_second = 0;
  double per_operation = 0;
  bool is_there = false;
  for (const Finding& other : later.findings) {
    if (!IsSameCause(finding, other) || other.growth_bytes_per_second <= 0) continue;
    is_there = true;
    per_second += other.growth_bytes_per_second;
    counts = counts && other.growth_bytes_per_operation.has_value();
    per_operation += other.growth_bytes_per_operation.value_or(0);
  }
  check.unit = counts ? "bytes/operation" : "bytes/second";
  check.predicted = counts ? *finding.growth_bytes_per_operation : finding.growth_bytes_per_second;
  if (!is_there && later.word == VerdictWord::kInconclusive) {
    check.why = "the later recording is inconclusive: " + later.summary;
    return check;
  }
  if (!is_there) {
    check.result = PredictionResult::kGone;
    check.why = fmt::format("predicted {}; the later recording has no such growth",
                            Rate(check.predicted, check.unit));
    return check;
  }
  check.measured = counts ? per_operation : per_second;
  check.result = *check.measured > kFactor * check.predicted   ? PredictionResult::kMore
                 : *check.measured < check.predicted / kFactor ? PredictionResult::kLess
                                                               : PredictionResult::kHeld;
  check.why = fmt::format("predicted {}, measured {}", Rate(check.predicted, check.unit),
                          Rate(*check.measured, check.unit));
  return check;
}

}  // namespace

const char* Name(PredictionResult result) {
  switch (result) {
    case PredictionResult::kHeld:
      return "held";
    case PredictionResult::kLess:
      return "less";
    case PredictionResult::kMore:
      return "more";
    case PredictionResult::kGone:
      return "gone";
    case PredictionResult::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::vector<PredictionCheck> CheckPredictions(const Verdict& verdict, const Verdict& later) {
  std::vector<PredictionCheck> checks;
  for (const Finding& finding : verdict.findings) {
    if (finding.severity == Severity::kInfo || finding.growth_bytes_per_second <= 0) continue;
    checks.push_back(CheckOne(finding, later));
  }
  return checks;
}

int ExitCode(const std::vector<PredictionCheck>& checks) {
  const auto has = [&](PredictionResult result) {
    return std::any_of(checks.begin(), checks.end(),
                       [&](const PredictionCheck& one) { return one.result == result; });
  };
  if (checks.empty() || has(PredictionResult::kUnknown)) return 4;
  return std::all_of(
             checks.begin(), checks.end(),
             [](const PredictionCheck& one) { return one.result == PredictionResult::kHeld; })
             ? 0
             : 1;
}

}  // namespace memwhy::analysis
