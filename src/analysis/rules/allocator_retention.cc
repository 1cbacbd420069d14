// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "analysis/describe.h"
#include "analysis/kept_memory.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

Finding DescribeAllocatorRetention(const Case& one) {
  const model::Ledger* end = LedgerAt(one, "end");
  const Bytes kept = ShareBytes(end, model::ShareKind::kMallocRetained) +
                     ShareBytes(end, model::ShareKind::kPymallocFree);
  const bool is_rising = WhyRssRises(one) == RssRise::kRetained;
  Finding finding = DescribeKept(
      one,
      kept > 0 || !is_rising ? kept : static_cast<Bytes>(std::llround(std::max(0.0, one.rss.net))));
  finding.id = "alloc.retention";
  finding.confidence = Confidence::kWeak;
  finding.title = is_rising
                      ? fmt::format(
                            "rss rises by {} per minute while what the program uses does not: an "
                            "allocator keeps what was released",
                            FormatBytes(static_cast<Bytes>(std::llround(one.rss.slope * 60))))
                      : fmt::format("allocators keep {} that the program has released",
                                    FormatBytes(finding.bytes_at_stake));
  if (kept > 0) {
    finding.evidence.push_back(
        {fmt::format("{} of rss belong to free memory of allocators", FormatBytes(kept)),
         static_cast<double>(kept), "bytes", "ledger"});
  }
  finding.would_disprove = "rss stays as high with MALLOC_ARENA_MAX=2 and malloc_trim.";
  finding.prediction = is_rising ? Prediction(one, one.rss.slope)
                                 : "rss stays where it is while the load stays the same.";
  finding.next_step = {
      "MALLOC_ARENA_MAX=2 " + DiagnoseCommand(one, std::max(60.0, one.view.options.to)),
      "fewer arenas keep less; if rss does not fall, fragmentation is the cause"};
  finding.fix =
      "Set MALLOC_ARENA_MAX=2, or use an allocator that returns free memory (jemalloc "
      "with a short decay time). No line of the application is to blame.";
  return finding;
}

}  // namespace

RuleOutcome CheckAllocatorRetention(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "alloc.retention";
  if (InUseGrows(one)) {
    check.result = CheckResult::kNotApplicable;
    check.why = "what is in use grows";
    return outcome;
  }
  const RssRise rise = WhyRssRises(one);
  if (WhoKeeps(one) == Keeper::kUnknown) {
    outcome.findings.push_back(DescribeAllocatorRetention(one));
    check.result = CheckResult::kFail;
    check.why = outcome.findings.front().title;
  } else if (one.rss.bins == 0 && LedgerAt(one, "end") == nullptr) {
    check.result = CheckResult::kCouldNot;
    check.why = "no samples of rss and no ledger";
  } else {
    check.result = CheckResult::kPass;
    check.why = rise == RssRise::kUnexplained  ? "rss rises, but what allocators keep free does not"
                : rise == RssRise::kLittleKept ? DescribeLittleKept(one)
                : one.rss.bins > 0             ? "rss: " + one.rss.why
                                               : "little memory is free but kept";
  }
  return outcome;
}

}  // namespace memwhy::analysis
