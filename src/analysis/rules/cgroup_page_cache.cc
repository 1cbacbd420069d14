// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "analysis/describe.h"
#include "analysis/rules/rules.h"
#include "analysis/sample_series.h"

namespace memwhy::analysis {
namespace {

constexpr double kCacheNearLimit = 0.85;
constexpr double kCacheShare = 0.3;  // of the charge

}  // namespace

RuleOutcome CheckCgroupPageCache(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "cgroup.page_cache";
  const auto inactive =
      LastSample(one, [](const auto& sample) { return sample.cgroup_inactive_file; });
  if (!one.limit || !one.charged || !inactive) {
    check.result = one.limit ? CheckResult::kCouldNot : CheckResult::kNotApplicable;
    check.why = one.limit ? "page cache of the cgroup was not read" : "no cgroup limit is known";
    return outcome;
  }
  const auto charged = static_cast<double>(*one.charged);
  check.result = CheckResult::kPass;
  check.why = fmt::format("{} of {} charged are page cache that goes first", FormatBytes(*inactive),
                          FormatBytes(*one.charged));
  const bool is_near = charged >= kCacheNearLimit * static_cast<double>(*one.limit);
  if (!is_near || static_cast<double>(*inactive) < kCacheShare * charged) return outcome;
  const Bytes working = *one.charged - *inactive;
  Finding finding;
  finding.id = "cgroup.page_cache";
  finding.kind = Kind::kWorkloadPeak;
  finding.layer = Layer::kSystem;
  finding.bytes_layer = Layer::kSystem;
  finding.severity = Severity::kInfo;
  finding.confidence = Confidence::kStrong;
  finding.bytes_at_stake = *inactive;
  finding.title = fmt::format(
      "the cgroup looks full ({} of {}), but {} of it is page cache that the kernel takes back",
      FormatBytes(*one.charged), FormatBytes(*one.limit), FormatBytes(*inactive));
  finding.evidence.push_back({fmt::format("working set, what stays: {}", FormatBytes(working)),
                              static_cast<double>(working), "bytes", "memory.stat"});
  finding.evidence.push_back({fmt::format("inactive file pages: {}", FormatBytes(*inactive)),
                              static_cast<double>(*inactive), "bytes", "memory.stat"});
  finding.would_disprove = "The program is killed, or slows down, while this cache is there.";
  finding.prediction = fmt::format(
      "What the program takes next comes out of these {} first; no kill before they are used up.",
      FormatBytes(*inactive));
  finding.next_step = {"memwhy top", "it shows the working set beside the charge"};
  finding.fix = "Nothing is wrong: alert on the working set (charge less inactive file pages).";
  outcome.findings.push_back(std::move(finding));
  check.result = CheckResult::kFail;
  check.why = outcome.findings.front().title;
  return outcome;
}

}  // namespace memwhy::analysis
