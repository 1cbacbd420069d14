// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cmath>

#include "analysis/cgroup_growth.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

constexpr double kKernelShare = 0.2;  // of the charge: less kernel memory is no news

}  // namespace

RuleOutcome CheckCgroupKernel(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "cgroup.kernel";
  const auto part = JudgeCgroupPart(one, [](const auto& sample) { return sample.cgroup_kernel; });
  if (!part) {
    check.result = CheckResult::kCouldNot;
    check.why = "kernel memory of the cgroup was not read";
    return outcome;
  }
  check.result = CheckResult::kPass;
  check.why = fmt::format("{} of {} charged: {}", FormatBytes(part->now), FormatBytes(part->charge),
                          part->growth.why);
  const bool is_much =
      static_cast<double>(part->now) >= kKernelShare * static_cast<double>(part->charge);
  if (part->growth.trend != Trend::kGrowing || !is_much) return outcome;
  if (!one.limit) {
    check.why += "; the cgroup has no limit";
    return outcome;
  }
  Finding finding = DescribeCgroupPart(one, *part, "cgroup.kernel", "kernel memory");
  finding.severity = Severity::kInfo;  // whose it is in the cgroup is not known
  finding.title = fmt::format(
      "kernel memory of the cgroup grows by {} per minute and is {:.0f} % of its charge",
      FormatSignedBytes(std::llround(part->growth.slope * 60)),
      100.0 * static_cast<double>(part->now) / static_cast<double>(part->charge));
  finding.fix =
      "Look for what the kernel keeps for the program: sockets with unread data, threads (16 KiB "
      "of "
      "kernel stack each), page tables of huge mappings, directories with millions of files.";
  outcome.findings.push_back(std::move(finding));
  check.result = CheckResult::kFail;
  check.why = outcome.findings.front().title;
  return outcome;
}

}  // namespace memwhy::analysis
