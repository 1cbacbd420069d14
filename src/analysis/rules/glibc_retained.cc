// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "analysis/describe.h"
#include "analysis/kept_memory.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {

RuleOutcome CheckGlibcRetained(const Case& one) {
  RuleOutcome outcome{KeptCheck(one, "glibc.retained"), {}};
  if (WhoKeeps(one) != Keeper::kGlibc) return outcome;
  const model::MallocView& view = *one.ends->end.malloc;
  Finding finding = DescribeKept(one, view.free);
  finding.id = "glibc.retained";
  finding.title =
      fmt::format("glibc's malloc keeps {} that the program has released", FormatBytes(view.free));
  AddMallocEvidence(one, finding);
  finding.next_step = {"python -c 'import ctypes; ctypes.CDLL(None).malloc_trim(0)'",
                       "the same call in the program, when it is idle, gives the pages back once; "
                       "if rss comes back with the load, it is what the load needs"};
  finding.fix =
      "Call malloc_trim(0) after a burst (ctypes.CDLL(None).malloc_trim(0)), or preload jemalloc "
      "with a short decay time. No line of the application is to blame.";
  outcome.check.result = CheckResult::kFail;
  outcome.check.why = finding.title;
  outcome.findings.push_back(std::move(finding));
  return outcome;
}

}  // namespace memwhy::analysis
