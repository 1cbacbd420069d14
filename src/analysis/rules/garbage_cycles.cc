// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string>

#include "analysis/application_frame.h"
#include "analysis/describe.h"
#include "analysis/maker_site.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

constexpr std::size_t kTypesShown = 4;
constexpr double kDebtBytes = 4.0 * 1024 * 1024;
constexpr double kDebtShare = 0.1;  // of rss
constexpr std::uint64_t kFewestCycles = 8;

std::string TypesText(const Loss& loss) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kTypesShown, loss.types.size()); ++i) {
    text += (i == 0 ? "" : ", ") + loss.types[i];
  }
  return loss.types.size() > kTypesShown ? text + ", ..." : text;
}

struct Words {
  const char* id;
  Kind kind;
  Layer layer;
  std::string why;  // completes "Cycles of X ..."
  std::string fix;
  std::string would_disprove;
};

Words WordsOf(const Loss& loss) {
  switch (loss.why) {
    case CycleWhy::kNative: {
      const std::string closer = loss.closed_by.empty() ? "a C type" : loss.closed_by;
      return {
          "ext.cycle_through_native",
          Kind::kUncollectableCycle,
          Layer::kExtension,
          fmt::format("are never freed: the collector cannot look into {}", closer),
          fmt::format("Break the cycle when the object is done (close it, or clear the callback "
                      "or attribute that leads back from {} to its owner); or use a version of "
                      "the extension whose type supports garbage collection (tp_traverse).",
                      closer),
          "gc.collect() frees them."};
    }
    case CycleWhy::kUncollectable:
      return {"py.uncollectable",
              Kind::kUncollectableCycle,
              Layer::kExtension,
              "are never freed: a member has a finalizer of the old kind (tp_del)",
              "Break the cycle before the last name goes, or give the type tp_finalize.",
              "gc.collect() frees them."};
    case CycleWhy::kFrozen:
      return {"py.gc_disabled_or_starved",
              Kind::kUncollectableCycle,
              Layer::kPython,
              "are never freed: gc.freeze() has put them out of the collector's sight",
              "Call gc.collect() before gc.freeze(), or gc.unfreeze() once.",
              "After gc.unfreeze() gc.collect() does not free them."};
    case CycleWhy::kDisabled:
      return {"py.gc_disabled_or_starved",
              Kind::kCollectableCycleDebt,
              Layer::kPython,
              "stay: automatic garbage collection is off",
              "Call gc.enable(), or gc.collect() at times when the service is idle, or break the "
              "cycle with a weak reference.",
              "gc.collect() does not free them."};
    case CycleWhy::kThreshold:
      break;
  }
  return {"py.cycle_delay",
          Kind::kCollectableCycleDebt,
          Layer::kPython,
          "wait for the collector, which counts objects and not their bytes",
          "Break the cycle (a weak reference, or close() and clear what leads back), make the "
          "object once and not for each call, or call gc.collect() when the service is idle.",
          "gc.collect() does not free them."};
}

WhoHolds HeldByCycle(const Loss& loss) {
  WhoHolds holds;
  holds.path.push_back("a cycle that nobody holds");
  for (const std::string& type : loss.types) holds.path.push_back(type);
  holds.text = "a cycle of " + TypesText(loss);
  holds.root = "garbage";
  holds.holder = holds.text;
  holds.holder_type = loss.closed_by;
  holds.invisible_to_gc = loss.why == CycleWhy::kNative;
  return holds;
}

// The next step; it stays what it is where no dump was taken.
void ListCycles(const Case& one, Finding* finding) {
  if (one.recording.heap_dumps.empty()) return;
  finding->next_step = {"memwhy heap cycles " + one.recording.heap_dumps.back(),
                        "lists the cycles with their members"};
}

Finding DescribeGarbageCycles(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  const LossGrowth& lead = *suspect.losses.front();
  const Words words = WordsOf(lead.loss);
  finding.id = words.id;
  finding.kind = words.kind;
  finding.layer = words.layer;
  finding.what.type = lead.loss.type;
  finding.what.count = lead.loss.count - std::min(lead.loss.count, lead.before.value_or(0));
  finding.what.references_per_operation.reset();
  finding.who_holds = HeldByCycle(lead.loss);
  finding.title =
      fmt::format("Cycles of {}{} {}: +{}", lead.loss.type,
                  finding.who_allocated ? " that " + CallableText(*finding.who_allocated) + " makes"
                                        : std::string(),
                  words.why, RateText(one, finding));
  finding.evidence.insert(
      finding.evidence.begin(),
      {{fmt::format("{} of {} survivors that were looked up hang on such cycles", suspect.agreeing,
                    suspect.sampled),
        static_cast<double>(suspect.agreeing), "survivors", "heap graph"},
       {fmt::format("{} cycles of {}{}, {} with all that hangs on them",
                    FormatCount(lead.loss.count), TypesText(lead.loss),
                    lead.before ? fmt::format(" ({} before)", FormatCount(*lead.before)) : "",
                    FormatBytes(lead.loss.bytes)),
        static_cast<double>(lead.loss.count), "cycles", "heap graph"}});
  finding.would_disprove = words.would_disprove;
  ListCycles(one, &finding);
  finding.fix = words.fix;
  return finding;
}

// Garbage that is large without growing: it comes and goes with the collector, and each time it has
// come the process is so much larger than it must be.
const LossGrowth* LargeDebt(const Case& one) {
  if (one.holders == nullptr) return nullptr;
  const LossGrowth* largest = nullptr;
  for (const LossGrowth& loss : one.holders->losses) {
    if (loss.loss.kind != LossKind::kCycle || loss.loss.count < kFewestCycles) continue;
    if (largest == nullptr || loss.loss.bytes > largest->loss.bytes) largest = &loss;
  }
  const double least = std::max(kDebtBytes, kDebtShare * one.base);
  return largest != nullptr && static_cast<double>(largest->loss.bytes) >= least ? largest
                                                                                 : nullptr;
}

// The stack, or type, of the survivors that hang on these cycles.
std::optional<model::StackId> MakerOfDebt(const Case& one, const LossGrowth& debt) {
  const auto number = static_cast<std::uint32_t>(&debt - one.holders->losses.data());
  const StackHolder* lead = nullptr;
  for (const StackHolder& holder : one.holders->stacks) {
    if (holder.lost.loss != number || holder.lost.agreeing * 2 < holder.sampled) continue;
    if (lead == nullptr || holder.lost.agreeing > lead->lost.agreeing) lead = &holder;
  }
  if (lead != nullptr) return lead->stack;
  for (const TypeGrowth& type : one.holders->types) {
    if (type.lost.loss != number) continue;
    if (const auto site = MakerSite(one.stacks, type)) return site;
  }
  return std::nullopt;
}

Finding DescribeDebt(const Case& one, const LossGrowth& debt) {
  Finding finding;
  const Words words = WordsOf(debt.loss);
  finding.id = words.id;
  finding.kind = words.kind;
  finding.layer = words.layer;
  finding.bytes_layer = Layer::kNative;
  finding.severity = Severity::kLow;
  finding.confidence = Lowered(one, Confidence::kProven);
  finding.bytes_at_stake = debt.loss.bytes;
  finding.what.type = debt.loss.type;
  finding.what.count = debt.loss.count;
  if (const auto site = MakerOfDebt(one, debt)) {
    finding.who_allocated = DescribeAllocation(one.stacks, *site);
  }
  finding.who_holds = HeldByCycle(debt.loss);
  finding.title = fmt::format(
      "{} hang on cycles of {}{} that {}", FormatBytes(debt.loss.bytes), debt.loss.type,
      finding.who_allocated ? " made by " + CallableText(*finding.who_allocated) : std::string(),
      words.why);
  finding.evidence.push_back(
      {fmt::format("{} cycles of {} in the last heap dump, {} with all that hangs on them",
                   FormatCount(debt.loss.count), TypesText(debt.loss),
                   FormatBytes(debt.loss.bytes)),
       static_cast<double>(debt.loss.count), "cycles", "heap graph"});
  finding.would_disprove = words.would_disprove;
  finding.prediction =
      fmt::format("After gc.collect() the program uses {} less.", FormatBytes(debt.loss.bytes));
  ListCycles(one, &finding);
  finding.fix = words.fix;
  return finding;
}

}  // namespace

RuleOutcome CheckGarbageCycles(const Case& one) {
  RuleOutcome outcome =
      BlameSuspects(one,
                    {.rule = SuspectRule::kCycle,
                     .id = "py.garbage_cycles",
                     .passed = "nothing that grows hangs on a cycle that nobody holds",
                     .needs_graph = true},
                    DescribeGarbageCycles);
  if (!outcome.findings.empty()) return outcome;
  if (const LossGrowth* debt = LargeDebt(one)) {
    outcome.findings.push_back(DescribeDebt(one, *debt));
    outcome.check.result = CheckResult::kFail;
    outcome.check.why = outcome.findings.front().title;
  }
  return outcome;
}

}  // namespace memwhy::analysis
