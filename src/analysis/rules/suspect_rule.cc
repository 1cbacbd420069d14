// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string_view>

#include "analysis/rules/rules.h"
#include "analysis/tensorflow_cause.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

constexpr std::array<std::string_view, 14> kContainers = {
    "dict",      "list",        "set",         "frozenset", "deque",
    "tuple",     "OrderedDict", "defaultdict", "Counter",   "WeakValueDictionary",
    "bytearray", "array",       "ChainMap",    "ModuleDict"};

// "collections.OrderedDict" is one, and so is anything that has a length.
bool IsContainer(const HolderPath& holder) {
  const auto dot = holder.holder_type.rfind('.');
  const std::string_view name =
      std::string_view(holder.holder_type).substr(dot == std::string::npos ? 0 : dot + 1);
  return holder.holder_length.has_value() ||
         std::find(kContainers.begin(), kContainers.end(), name) != kContainers.end();
}

bool IsTensor(std::string_view type) {
  return Contains(type, "Tensor") || Contains(type, "torch.nn.parameter");
}

}  // namespace

SuspectRule RuleOf(const Case& one, const Suspect& suspect) {
  if (!suspect.losses.empty()) {
    return suspect.losses.front()->loss.kind == LossKind::kCycle ? SuspectRule::kCycle
                                                                 : SuspectRule::kLostReference;
  }
  if (TensorFlowCauseOf(one, suspect) != TensorFlowCause::kNone) return SuspectRule::kTensorFlow;
  if (!suspect.holder) return SuspectRule::kUnreleased;
  if (suspect.holder->through_graph &&
      (suspect.holder->held_type.empty() || IsTensor(suspect.holder->held_type))) {
    return SuspectRule::kGraph;
  }
  if (suspect.holder->chain) return SuspectRule::kChain;
  if (IsTaskPile(one, suspect)) return SuspectRule::kTaskPile;
  // What grows in one piece keeps all that it was given.
  return suspect.grows_by_size() || IsContainer(*suspect.holder) ? SuspectRule::kContainer
                                                                 : SuspectRule::kUnreleased;
}

RuleOutcome BlameSuspects(const Case& one, const SuspectCheck& check,
                          Finding (*describe)(const Case&, const Suspect&)) {
  RuleOutcome outcome;
  for (const Suspect& suspect : one.suspects) {
    if (RuleOf(one, suspect) == check.rule) outcome.findings.push_back(describe(one, suspect));
  }
  const bool has_graph = one.holders != nullptr && one.holders->why_not.empty();
  if (!outcome.findings.empty()) {
    outcome.check = {check.id, CheckResult::kFail, outcome.findings.front().title};
  } else if (check.needs_graph && !has_graph) {
    outcome.check = {check.id, CheckResult::kCouldNot, "no heap graph"};
  } else {
    outcome.check = {check.id, CheckResult::kPass, check.passed};
  }
  return outcome;
}

}  // namespace memwhy::analysis
