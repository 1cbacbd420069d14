// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <string>
#include <utility>

#include "analysis/application_frame.h"
#include "analysis/container_kind.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

std::string Title(const Case& one, const Suspect& suspect, const Finding& finding) {
  const WhoHolds& holder = *finding.who_holds;
  const std::string& type = finding.what.type;
  const std::string rate = RateText(one, finding);
  if (suspect.grows_by_size()) {
    // The object that grows is the holder itself, or the holder has several of them.
    const bool is_itself = suspect.holder->text == suspect.holder->holder_text;
    return fmt::format(
        "{} only gets larger{}: +{}",
        is_itself
            ? HolderText(holder)
            : fmt::format("Every {} of {}", type.empty() ? "entry" : type, HolderText(holder)),
        finding.who_allocated ? " by " + CallableText(*finding.who_allocated) : "", rate);
  }
  if (finding.who_allocated) {
    return fmt::format("{} keeps {} that {} allocates: +{}", HolderText(holder),
                       type.empty() ? "the memory" : "every " + type,
                       CallableText(*finding.who_allocated), rate);
  }
  return fmt::format("{} only gets longer and keeps {}: +{}", HolderText(holder),
                     type.empty() ? "its entries" : "every " + type, rate);
}

Finding DescribeContainerGrowth(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  const WhoHolds& holder = *finding.who_holds;
  finding.layer = Layer::kPython;
  finding.title = Title(one, suspect, finding);
  finding.would_disprove = fmt::format(
      "{} stops getting longer in a longer window: then it is a cache with a limit that was not "
      "reached within {}.",
      holder.holder, FormatSeconds(one.view.options.to));
  ContainerKind kind = KindOfContainer(one, finding);
  finding.id = kind.id;
  finding.kind = kind.kind;
  finding.fix = std::move(kind.fix);
  return finding;
}

}  // namespace

RuleOutcome CheckContainerGrowth(const Case& one) {
  RuleOutcome outcome;
  outcome.check.id = "py.container_growth";
  for (const Suspect& suspect : one.suspects) {
    if (RuleOf(one, suspect) == SuspectRule::kContainer) {
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
