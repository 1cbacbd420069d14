// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "analysis/application_frame.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

constexpr double kWorthALook = 100.0 * 1024 * 1024;
constexpr std::uint64_t kFewestSurvivors = 30;
constexpr double kAllThrough = 0.9;  // of the bins bear survivors
constexpr double kMostStay = 0.7;    // net / survivor bytes
constexpr double kThirdsAgree = 0.5;
constexpr std::size_t kMaxSaid = 3;

// Each third of the window rises, none by less than half of the mean.
bool ThirdsAgree(const model::StackGrowth& row) {
  const std::size_t bins = row.floor.size();
  if (bins < 9) return false;
  const auto at = [&](std::size_t third) {
    return static_cast<double>(row.floor[std::min(bins - 1, third * bins / 3)]);
  };
  const double mean = (at(3) - at(0)) / 3;
  for (std::size_t third = 0; third < 3; ++third) {
    if (at(third + 1) - at(third) < kThirdsAgree * mean) return false;
  }
  return mean > 0;
}

bool IsSteady(const Suspect& suspect) {
  if (suspect.stacks.empty()) return false;
  const GrowingStack& lead = suspect.stacks.front();
  return lead.row->survivor_blocks >= kFewestSurvivors &&
         lead.judgement.births_spread >= kAllThrough && lead.judgement.kept >= kMostStay &&
         ThirdsAgree(*lead.row);
}

Finding DescribeBelowNoise(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  finding.id = "below_noise";
  finding.kind = Kind::kUnreleasedGrowth;
  finding.layer = Layer::kPython;
  finding.severity = Severity::kInfo;
  finding.title = fmt::format(
      "{} keeps a little of what it allocates, too little for rss to show: +{}, {} in {}",
      finding.who_allocated ? CallableText(*finding.who_allocated)
                            : "A stack without Python frames",
      RateText(one, finding), FormatBytes(static_cast<Bytes>(kWorthALook)),
      FormatSeconds(kWorthALook / suspect.rate));
  finding.would_disprove = "In a longer window the stack levels off.";
  finding.next_step = {DiagnoseCommand(one, 5 * one.view.options.to),
                       "a longer window tells a slow leak from a cache that fills"};
  finding.fix = finding.who_holds ? fmt::format("Nothing is urgent; look at what {} keeps.",
                                                finding.who_holds->holder)
                                  : "Nothing is urgent; look at what this line returns or stores.";
  return finding;
}

}  // namespace

RuleOutcome CheckBelowNoise(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "below_noise";
  if (!one.suspects.empty() || one.rss.trend == Trend::kGrowing) {
    check.result = CheckResult::kNotApplicable;
    check.why = "more than that grows";
    return outcome;
  }
  for (const Suspect& suspect : one.small) {
    if (IsSteady(suspect) && outcome.findings.size() < kMaxSaid) {
      outcome.findings.push_back(DescribeBelowNoise(one, suspect));
    }
  }
  check.result = CheckResult::kPass;
  check.why = outcome.findings.empty() ? "no stack grows steadily below what rss shows"
                                       : outcome.findings.front().title;
  return outcome;
}

}  // namespace memwhy::analysis
