// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "analysis/application_frame.h"
#include "analysis/correlated_type.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

Finding DescribeUnreleasedGrowth(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  finding.id = "site.unreleased_growth";
  finding.kind = Kind::kUnreleasedGrowth;
  // Found from Python: the fix is there. Looked for and not found: native code keeps it.
  const bool is_native = suspect.sampled > 0 && suspect.found * 10 < suspect.sampled;
  finding.layer = is_native ? Layer::kExtension : Layer::kPython;
  const std::string site = finding.who_allocated ? CallableText(*finding.who_allocated)
                                                 : "a stack without Python frames";
  if (finding.who_holds) {
    finding.title = fmt::format("Memory that {} allocates is held by {}: +{}", site,
                                HolderText(*finding.who_holds), RateText(one, finding));
    finding.fix =
        fmt::format("Release what {} keeps when it is no longer used.", finding.who_holds->holder);
  } else {
    finding.title = fmt::format(
        "Memory that {} allocates is not released: +{}; who holds it is not "
        "proven",
        site, RateText(one, finding));
    finding.fix = is_native ? fmt::format(
                                  "Look for what native code below {} allocates and does not "
                                  "free; no Python object refers to it.",
                                  site)
                            : fmt::format("Follow what {} returns or stores.", site);
  }
  const TypeGrowth* type = finding.who_holds ? nullptr : CorrelatedType(one, suspect);
  if (type != nullptr) {
    const std::uint64_t more = type->after - type->before;
    finding.id = "correlated_holder";
    finding.confidence = Confidence::kWeak;
    finding.what.type = type->type;
    finding.what.count = more;
    finding.title += fmt::format(". The number of {} rises in proportion", type->type);
    finding.evidence.push_back(
        {fmt::format("{}: {} before, {} after {}, as many as blocks of this stack in the same "
                     "time, or a few for each; no other type of the program or of a library is. "
                     "Correlated, not proven",
                     type->type, FormatCount(type->before), FormatCount(type->after),
                     FormatSeconds(one.holders->seconds_between)),
         static_cast<double>(more), "objects", "two heap graphs"});
    finding.fix = fmt::format("Look first at who makes and keeps {}.", type->type);
  }
  finding.would_disprove =
      "The floor of this stack levels off in a longer window, or the blocks are released when a "
      "queue or an event loop catches up.";
  finding.next_step = {DiagnoseCommand(one, 3 * one.view.options.to),
                       "three times the time tells a slow cache from growth"};
  return finding;
}

}  // namespace

RuleOutcome CheckUnreleasedGrowth(const Case& one) {
  RuleOutcome outcome;
  outcome.check.id = "site.unreleased_growth";
  for (const Suspect& suspect : one.suspects) {
    if (RuleOf(one, suspect) == SuspectRule::kUnreleased) {
      outcome.findings.push_back(DescribeUnreleasedGrowth(one, suspect));
    }
  }
  outcome.check.result = outcome.findings.empty() ? CheckResult::kPass : CheckResult::kFail;
  if (!outcome.findings.empty()) {
    outcome.check.why = outcome.findings.front().title;
  } else if (one.suspects.empty()) {
    outcome.check.why = fmt::format("none of {} stacks grows all through the window",
                                    FormatCount(one.view.stacks.size()));
  } else {
    outcome.check.why = "every growing stack has a proven holder";
  }
  return outcome;
}

}  // namespace memwhy::analysis
