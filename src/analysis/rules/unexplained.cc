// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "analysis/application_frame.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

constexpr double kRestShare = 0.05;  // of the growth
constexpr std::size_t kPlaces = 3;
constexpr double kArena = 1024 * 1024;  // pools grow by steps: one of them explains nothing

Bytes ShareAtStart(const Case& one, const std::string& layer, const std::string& name) {
  for (const model::Ledger& ledger : one.ledgers) {
    if (ledger.account != "rss" || ledger.at != "start") continue;
    for (const model::Share& share : ledger.shares) {
      if (share.layer == layer && share.name == name) return share.bytes;
    }
  }
  return 0;
}

// The shares of rss that rose in the window, most first.
std::vector<std::pair<double, std::string>> RisenShares(const Case& one) {
  std::vector<std::pair<double, std::string>> risen;
  for (const model::Ledger& ledger : one.ledgers) {
    if (ledger.account != "rss" || ledger.at != "end") continue;
    for (const model::Share& share : ledger.shares) {
      const double rise = static_cast<double>(share.bytes) -
                          static_cast<double>(ShareAtStart(one, share.layer, share.name));
      if (rise > 0) risen.emplace_back(rise, share.name);
    }
  }
  std::sort(risen.rbegin(), risen.rend());
  return risen;
}

double Noise(const Case& one) {
  return one.pooled.rows.empty() ? one.matters : std::max(one.matters, kArena);
}

Finding DescribeRest(const Case& one, double rest, double grows) {
  Finding finding;
  finding.id = "unexplained";
  finding.kind = Kind::kUnexplained;
  finding.layer = Layer::kSystem;
  finding.bytes_layer = Layer::kSystem;
  finding.severity = Severity::kInfo;
  finding.confidence = Confidence::kStrong;
  finding.bytes_at_stake = static_cast<Bytes>(std::llround(rest * one.seconds));
  finding.growth_bytes_per_second = rest;
  finding.share_of_growth = std::min(1.0, rest / grows);
  finding.title =
      fmt::format("{} per minute of growth, {:.0f} %, are not explained",
                  FormatBytes(static_cast<Bytes>(std::llround(rest * 60))), 100 * rest / grows);
  const auto risen = RisenShares(one);
  for (std::size_t i = 0; i < std::min(kPlaces, risen.size()); ++i) {
    finding.evidence.push_back(
        {fmt::format("{} rose by {}", risen[i].second,
                     FormatBytes(static_cast<Bytes>(std::llround(risen[i].first)))),
         risen[i].first, "bytes", "ledger"});
  }
  finding.would_disprove = "A longer window explains it.";
  finding.prediction = Prediction(one, rest);
  finding.next_step = {DiagnoseCommand(one, 3 * one.view.options.to),
                       "more time gives more objects to look up and a clearer trend"};
  finding.fix = "Nobody is to blame yet: look first where it lies.";
  return finding;
}

}  // namespace

RuleOutcome CheckUnexplained(const Case& one, const std::vector<Finding>& findings) {
  RuleOutcome outcome;
  outcome.check.id = "unexplained";
  const double rss = one.rss.trend == Trend::kGrowing ? one.rss.slope : 0;
  const double grows = std::max(one.growth_rate, rss);
  if (grows <= 0) {
    outcome.check.result = CheckResult::kNotApplicable;
    outcome.check.why = "nothing grows";
    return outcome;
  }
  double explained = 0;
  for (const Finding& finding : findings) {
    if (finding.severity != Severity::kInfo) explained += finding.growth_bytes_per_second;
  }
  outcome.check.why = fmt::format("findings explain {:.0f} % of the growth",
                                  std::min(100.0, 100 * explained / grows));
  const double rest = grows - explained;
  if (rest <= kRestShare * grows || rest * one.seconds < Noise(one)) {
    outcome.check.result = CheckResult::kPass;
    return outcome;
  }
  outcome.check.result = CheckResult::kFail;
  outcome.findings.push_back(DescribeRest(one, rest, grows));
  return outcome;
}

}  // namespace memwhy::analysis
