// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cmath>

#include "analysis/application_frame.h"
#include "analysis/arena_site.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

constexpr double kExplained = 0.5;  // of the pools' growth, by other findings
// Shallow sizes of the types looked at are less than what the pools hold for them.
constexpr double kExplainedByTypes = 0.2;

Finding DescribePooledGrowth(const Case& one) {
  const Growth& growth = one.pooled.growth;
  Finding finding;
  finding.id = "py.pooled_growth";
  finding.kind = Kind::kUnreleasedGrowth;
  finding.layer = Layer::kPython;
  finding.bytes_layer = Layer::kInterpreter;
  finding.severity = SeverityOf(one, growth.slope);
  finding.confidence = Confidence::kWeak;
  finding.bytes_at_stake = one.pooled.survivor_bytes;
  finding.growth_bytes_per_second = growth.slope;
  if (one.operations_per_second) {
    finding.growth_bytes_per_operation = growth.slope / *one.operations_per_second;
  }
  if (one.growth_rate > 0) finding.share_of_growth = std::min(1.0, growth.slope / one.growth_rate);
  if (const auto site = ArenaSite(one)) {
    finding.who_allocated = DescribeAllocation(one.stacks, *site);
  }
  if (one.holders != nullptr && !one.holders->types.empty() &&
      one.holders->types.front().bytes > 0) {
    const TypeGrowth& type = one.holders->types.front();
    finding.what.type = type.type;
    if (type.after > type.before) finding.what.count = type.after - type.before;
    finding.evidence.push_back({fmt::format("{} objects: {} before, {} after", type.type,
                                            FormatCount(type.before), FormatCount(type.after)),
                                static_cast<double>(type.after) - static_cast<double>(type.before),
                                "objects", "two heap graphs"});
  }
  finding.title =
      fmt::format("Small Python objects accumulate{}: +{}; who holds them is not proven",
                  finding.what.type.empty() ? "" : ", most of all " + finding.what.type,
                  RateText(one, finding));
  finding.evidence.push_back(
      {"pymalloc arenas: " + growth.why, growth.slope, "bytes/second", "allocation events"});
  finding.would_disprove = "The arenas stop growing in a longer window.";
  finding.prediction = Prediction(one, growth.slope);
  finding.next_step = {DiagnoseCommand(one, 3 * one.view.options.to),
                       "more time gives more objects to look up"};
  finding.fix = "Find what keeps these objects: a container, a registry, or a closure.";
  return finding;
}

}  // namespace

RuleOutcome CheckPooledGrowth(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "py.pooled_growth";
  if (one.pooled.rows.empty()) {
    check.result = CheckResult::kNotApplicable;
    check.why = "no pymalloc arena was taken in the window";
    return outcome;
  }
  check.why = one.pooled.growth.why;
  if (one.pooled.growth.trend == Trend::kInconclusive) {
    check.result = CheckResult::kCouldNot;
  } else if (one.pooled.growth.trend != Trend::kGrowing) {
    check.result = CheckResult::kPass;
  } else {
    double explained = 0;
    double by_types = 0;
    for (const Suspect& suspect : one.suspects) {
      explained += suspect.rate;
      if (!suspect.types.empty()) by_types += suspect.rate;
    }
    if (explained >= kExplained * one.pooled.growth.slope ||
        by_types >= kExplainedByTypes * one.pooled.growth.slope) {
      check.result = CheckResult::kPass;
      check.why += "; other findings explain it";
    } else {
      check.result = CheckResult::kFail;
      outcome.findings.push_back(DescribePooledGrowth(one));
    }
  }
  return outcome;
}

}  // namespace memwhy::analysis
