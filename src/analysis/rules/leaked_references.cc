// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <string>

#include "analysis/application_frame.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

// "bytes and tuple objects"; at most three types.
std::string ObjectsText(const Suspect& suspect) {
  std::set<std::string> seen;
  std::string text;
  std::size_t shown = 0;
  for (const LossGrowth* loss : suspect.losses) {
    if (!seen.insert(loss->loss.type).second || ++shown > 3) continue;
    text += (text.empty() ? "" : ", ") + loss->loss.type;
  }
  return text + (shown > 3 ? ", ... objects" : " objects");
}

std::uint64_t Grown(const LossGrowth& loss) {
  return loss.loss.count - std::min(loss.loss.count, loss.before.value_or(0));
}

Finding DescribeLeakedReferences(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  const LossGrowth& lead = *suspect.losses.front();
  finding.id = "ext.leaked_reference";
  finding.kind = Kind::kLeakedReference;
  finding.layer = Layer::kExtension;
  finding.what.type = lead.loss.type;
  finding.what.count = Grown(lead);
  if (lead.before && one.operations_per_second && one.holders->seconds_between > 0) {
    finding.what.references_per_operation = static_cast<double>(Grown(lead)) /
                                            one.holders->seconds_between /
                                            *one.operations_per_second;
  }
  WhoHolds holds;
  holds.path = {"a reference that nobody has", lead.loss.type};
  holds.text = "nobody: a lost reference";
  holds.root = "unexplained";
  holds.holder = "a reference that nobody has";
  holds.invisible_to_gc = true;
  finding.who_holds = holds;
  const std::string site =
      finding.who_allocated ? CallableText(*finding.who_allocated) : std::string();
  finding.title = fmt::format("C code{} loses references to {}: +{}",
                              site.empty() ? " that is called" : " called by " + site,
                              ObjectsText(suspect), RateText(one, finding));
  for (const LossGrowth* loss : suspect.losses) {
    finding.evidence.push_back(
        {fmt::format("{} {} objects have {} more than anything in memory points to{}",
                     FormatCount(loss->loss.count), loss->loss.type,
                     loss->loss.references == loss->loss.count
                         ? std::string("one reference")
                         : FormatCount(loss->loss.references) + " references",
                     loss->before ? fmt::format("; {} before", FormatCount(*loss->before)) : ""),
         static_cast<double>(loss->loss.count), "objects", "heap graph and a scan of all memory"});
  }
  finding.would_disprove =
      "A pointer to these objects in memory that could not be read (`memwhy heap refs` lists them "
      "with their proof).";
  if (!one.recording.heap_dumps.empty()) {
    finding.next_step = {"memwhy heap refs " + one.recording.heap_dumps.back(),
                         "lists the objects by type with what proves it"};
  }
  finding.fix = fmt::format(
      "Look for a missing Py_DECREF (or a stolen reference that is not given away) in the "
      "extension that {}; a newer version of it may have it. Until then call it less, or restart.",
      site.empty() ? "makes these objects" : site + " calls");
  return finding;
}

}  // namespace

RuleOutcome CheckLeakedReferences(const Case& one) {
  return BlameSuspects(one,
                       {.rule = SuspectRule::kLostReference,
                        .id = "ext.leaked_reference",
                        .passed = "no growing type has references that nobody has",
                        .needs_graph = true},
                       DescribeLeakedReferences);
}

}  // namespace memwhy::analysis
