// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <string>

#include "analysis/application_frame.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

std::string HowToBound(const WhoHolds& holder) {
  if (Contains(holder.holder_type, "list") || Contains(holder.holder_type, "deque")) {
    return "keep the last N only (collections.deque(maxlen=N)), or drop entries once they are used";
  }
  if (Contains(holder.holder_type, "set")) {
    return "remove members when what they stand for ends";
  }
  return "evict the oldest entry beyond N (an OrderedDict with popitem(last=False), or a cache "
         "with "
         "a size and a time limit), or delete an entry when its owner ends";
}

Finding DescribeContainerGrowth(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  const WhoHolds& holder = *finding.who_holds;
  finding.id = "py.container_growth";
  finding.kind = Kind::kUnboundedContainer;
  finding.layer = Layer::kPython;
  const std::string what = finding.what.type.empty() ? "what" : "every " + finding.what.type;
  if (finding.who_allocated) {
    finding.title = fmt::format("{} keeps {} that {} allocates: +{}", HolderText(holder),
                                what == "what" ? "the memory" : what,
                                CallableText(*finding.who_allocated), RateText(one, finding));
  } else {
    finding.title = fmt::format("{} only gets longer and keeps {}: +{}", HolderText(holder),
                                what == "what" ? "its entries" : what, RateText(one, finding));
  }
  finding.would_disprove = fmt::format(
      "{} stops getting longer in a longer window: then it is a cache with a limit that was not "
      "reached within {}.",
      holder.holder, FormatSeconds(one.view.options.to));
  finding.fix = fmt::format("Bound {}: {}.", holder.holder, HowToBound(holder));
  return finding;
}

}  // namespace

RuleOutcome CheckContainerGrowth(const Case& one) {
  RuleOutcome outcome;
  outcome.check.id = "py.container_growth";
  for (const Suspect& suspect : one.suspects) {
    if (RuleOf(suspect) == SuspectRule::kContainer) {
      outcome.findings.push_back(DescribeContainerGrowth(one, suspect));
    }
  }
  if (!outcome.findings.empty()) {
    outcome.check.result = CheckResult::kFail;
    outcome.check.why = outcome.findings.front().title;
  } else if (one.holders == nullptr || !one.holders->why_not.empty()) {
    outcome.check.result = one.suspects.empty() ? CheckResult::kPass : CheckResult::kCouldNot;
    outcome.check.why =
        one.suspects.empty()
            ? "no stack grows"
            : "no heap graph" + (one.holders == nullptr || one.holders->why_not.empty()
                                     ? std::string()
                                     : ": " + one.holders->why_not);
  } else {
    outcome.check.result = CheckResult::kPass;
    outcome.check.why = "no container keeps what a growing stack allocates";
  }
  return outcome;
}

}  // namespace memwhy::analysis
