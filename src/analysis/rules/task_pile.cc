// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <string>
#include <string_view>

#include "analysis/application_frame.h"
#include "analysis/container_kind.h"
#include "analysis/describe.h"
#include "analysis/heap/pile_types.h"
#include "analysis/rules/rules.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

// The tasks or threads of which there are more at the end; nullptr: none.
const TypeGrowth* GrowingPile(const Case& one, std::string_view* plural) {
  if (one.holders == nullptr || one.holders->seconds_between <= 0) return nullptr;
  for (const PileType& pile : kPileTypes) {
    for (const TypeGrowth& type : one.holders->types) {
      if (type.type != pile.type || type.after <= type.before) continue;
      *plural = pile.plural;
      return &type;
    }
  }
  return nullptr;
}

// Where threading has those that run: what is put there is a thread, whatever its class.
bool IsAmongThreads(const HolderPath& holder) {
  return holder.holder_text == "threading._active" || holder.holder_text == "threading._limbo" ||
         holder.holder_text == "threading._dangling";
}

// The threads, where `suspect` hangs on them and their class is the program's own.
const TypeGrowth* PileOf(const Case& one, const Suspect& suspect, std::string_view* plural) {
  if (suspect.holder && IsAmongThreads(*suspect.holder) && one.holders != nullptr &&
      one.holders->seconds_between > 0) {
    for (const TypeGrowth& type : one.holders->types) {
      if (type.type != suspect.holder->element_type || type.after <= type.before) continue;
      *plural = "threads";
      return &type;
    }
  }
  return GrowingPile(one, plural);
}

// "Session.pump()" of " -> Session.pump()"; the last function on the path.
std::string WaitingFunction(const WhoHolds& holder) {
  std::string function;
  for (const std::string& step : holder.path) {
    const auto arrow = step.rfind(" -> ");
    if (arrow != std::string::npos && step.ends_with("()")) function = step.substr(arrow + 4);
  }
  return function;
}

// `suspect` is a pile, so one grows.
Finding DescribeTaskPile(const Case& one, const Suspect& suspect) {
  Finding finding = DescribeSuspect(one, suspect);
  std::string_view plural;
  const TypeGrowth& pile = *PileOf(one, suspect, &plural);
  finding.id = "py.task_or_thread_pile";
  finding.kind = Kind::kUnboundedContainer;
  finding.layer = Layer::kPython;
  finding.what.type = pile.type;
  finding.what.count = pile.after - pile.before;
  if (one.operations_per_second) {
    finding.what.references_per_operation = static_cast<double>(*finding.what.count) /
                                            one.holders->seconds_between /
                                            *one.operations_per_second;
  }
  const std::string function = WaitingFunction(*finding.who_holds);
  const auto& starter =
      finding.who_holds->filled_by ? finding.who_holds->filled_by : finding.who_allocated;
  finding.title = fmt::format("{} {} wait{} and do not end{}: +{}", FormatCount(pile.after), plural,
                              function.empty() ? std::string() : " in " + function,
                              starter ? ", started at " + CallableText(*starter) : std::string(),
                              RateText(one, finding));
  finding.evidence.push_back(
      {fmt::format("{}: {} before, {} after {}", pile.type, FormatCount(pile.before),
                   FormatCount(pile.after), FormatSeconds(one.holders->seconds_between)),
       static_cast<double>(*finding.what.count), "objects", "two heap graphs"});
  finding.would_disprove = fmt::format(
      "The number of {} falls again when what they wait for comes (a burst, a slow peer).", plural);
  finding.fix = fmt::format(
      "End them: close or cancel what they wait for when the request{} is done, give the wait a "
      "timeout, or bound how many there may be (a semaphore, a pool).",
      starter ? " that starts them in " + CallableText(*starter) : std::string());
  return finding;
}

}  // namespace

bool IsTaskPile(const Case& one, const Suspect& suspect) {
  if (!suspect.holder) return false;
  // Coroutines that a queue has for a worker have not begun.
  if (IsWorkOfQueue(suspect.holder->holder_text, suspect.holder->owner_type)) return false;
  std::string_view plural;
  const TypeGrowth* pile = PileOf(one, suspect, &plural);
  if (pile == nullptr) return false;
  if (suspect.holder->held_type == pile->type || suspect.holder->element_type == pile->type) {
    return true;
  }
  // Between the holder and what it holds lies a function that waits: each of its own. A local of
  // one waiting function, which holds all of them, is no pile.
  const HolderPath& holder = *suspect.holder;
  if (!StartsWith(holder.text, holder.holder_text)) return false;
  const std::string_view below = std::string_view(holder.text).substr(holder.holder_text.size());
  const auto arrow = below.find(" -> ");
  return arrow != std::string_view::npos && below.find("()", arrow) != std::string_view::npos;
}

RuleOutcome CheckTaskPiles(const Case& one) {
  return BlameSuspects(one,
                       {.rule = SuspectRule::kTaskPile,
                        .id = "py.task_or_thread_pile",
                        .passed = "nothing that grows hangs on waiting tasks"},
                       DescribeTaskPile);
}

}  // namespace memwhy::analysis
