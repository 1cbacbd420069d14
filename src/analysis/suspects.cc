// SPDX-License-Identifier: Apache-2.0
#include "analysis/suspects.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "analysis/application_frame.h"
#include "analysis/main_process.h"

namespace memwhy::analysis {
namespace {

constexpr std::size_t kFewestAgreeing = 3;
constexpr double kInStep = 0.9;       // cosine of the births per bin
constexpr double kNegligible = 0.02;  // of all growth: too little to be told from noise
constexpr double kFewestTypeBytes = 128 * 1024;
constexpr double kPooledObject = 512;  // bytes; larger ones are blocks of a stack, counted there
// Of a type's new objects: enough to join a holder that another type has proven.
constexpr double kJoinAgreement = 0.25;

bool IsAgreed(std::size_t agreeing, std::size_t sampled, const std::optional<HolderPath>& holder,
              double share = kAgreement) {
  return holder && agreeing >= kFewestAgreeing &&
         static_cast<double>(agreeing) >= share * static_cast<double>(sampled);
}

bool IsPooled(const TypeGrowth& type) {
  return type.after > type.before &&
         static_cast<double>(type.bytes) <=
             kPooledObject * static_cast<double>(type.after - type.before);
}

bool IsProven(const GrowingStack& stack) {
  return stack.holder != nullptr &&
         IsAgreed(stack.holder->agreeing, stack.holder->sampled, stack.holder->holder);
}

std::string HolderKey(const HolderPath& holder) {
  return holder.holder_text.empty() ? holder.text : holder.holder_text;
}

const StackHolder* HolderOf(const HolderReport* report, const model::StackGrowth& row) {
  if (report == nullptr) return nullptr;
  for (const StackHolder& holder : report->stacks) {
    if (holder.process == row.process && holder.stack == row.stack) return &holder;
  }
  return nullptr;
}

std::vector<GrowingStack> GrowingStacks(const Case& one) {
  std::vector<GrowingStack> growing;
  for (const model::StackGrowth& row : one.view.stacks) {
    if (row.is_arena || row.survivor_blocks == 0) continue;
    GrowingStack stack{&row, JudgeStack(row, one.view.options), HolderOf(one.holders, row)};
    if (stack.judgement.is_growing) growing.push_back(std::move(stack));
  }
  std::stable_sort(growing.begin(), growing.end(), [](const auto& a, const auto& b) {
    return a.row->survivor_bytes > b.row->survivor_bytes;
  });
  return growing;
}

bool AreInStep(const model::StackGrowth& a, const model::StackGrowth& b) {
  double dot = 0;
  double length_a = 0;
  double length_b = 0;
  const std::size_t bins = std::min(a.survivors_by_birth.size(), b.survivors_by_birth.size());
  for (std::size_t i = 0; i < bins; ++i) {
    const auto x = static_cast<double>(a.survivors_by_birth[i]);
    const auto y = static_cast<double>(b.survivors_by_birth[i]);
    dot += x * y;
    length_a += x * x;
    length_b += y * y;
  }
  return length_a > 0 && length_b > 0 && dot / std::sqrt(length_a * length_b) >= kInStep;
}

bool ShareAFunction(const model::StackTree& stacks, model::StackId a, model::StackId b) {
  if (a == b) return true;
  const std::vector<Function> of_a = ApplicationFunctions(stacks, a);
  const std::vector<Function> of_b = ApplicationFunctions(stacks, b);
  return std::any_of(of_a.begin(), of_a.end(), [&](const Function& function) {
    return std::binary_search(of_b.begin(), of_b.end(), function);
  });
}

bool SameApplicationFunction(const model::StackTree& stacks, model::StackId a, model::StackId b) {
  const auto frame_a = ApplicationFrame(stacks, a);
  const auto frame_b = ApplicationFrame(stacks, b);
  if (!frame_a || !frame_b) return false;
  return stacks.frame(*frame_a).function == stacks.frame(*frame_b).function &&
         stacks.frame(*frame_a).file == stacks.frame(*frame_b).file;
}

void AddStack(Suspect& suspect, const GrowingStack& stack) {
  suspect.bytes += stack.row->survivor_bytes;
  suspect.rate += stack.judgement.growth.slope;
}

class Merger {
 public:
  explicit Merger(const Case& one) : one_(one), main_(MainProcess(one.recording)) {}

  void AddProven(const GrowingStack& stack) {
    const HolderPath& holder = *stack.holder->holder;
    Suspect& suspect = BelowHolder(stack.row->process, holder);
    if (holder.through_graph && !suspect.holder->through_graph) suspect.holder = holder;
    suspect.sampled += stack.holder->sampled;
    suspect.found += stack.holder->found;
    suspect.agreeing += stack.holder->agreeing;
    suspect.blocks += stack.row->survivor_blocks;
    suspect.stacks.push_back(stack);
    AddStack(suspect, stack);
  }

  // Objects in pools. One type that agrees makes a suspect where the arenas confirm that the pools
  // grow; others join a holder that is known.
  void AddTypes(const std::vector<TypeGrowth>& types) {
    if (one_.holders->seconds_between <= 0) return;
    std::vector<const TypeGrowth*> others;
    for (const TypeGrowth& type : types) {
      if (static_cast<double>(type.bytes) < kFewestTypeBytes || !IsPooled(type)) continue;
      const bool is_agreed = IsAgreed(type.agreeing, type.sampled, type.holder);
      if (is_agreed && (IsKnown(type) || one_.pooled.growth.trend == Trend::kGrowing)) {
        AddType(type);
      } else {
        others.push_back(&type);
      }
    }
    for (const TypeGrowth* type : others) {
      if (IsAgreed(type->agreeing, type->sampled, type->holder, kJoinAgreement) && IsKnown(*type)) {
        AddType(*type);
      }
    }
  }

  void AddUnproven(const GrowingStack& stack) {
    for (Suspect& suspect : suspects_) {
      if (suspect.stacks.empty()) continue;
      const model::StackGrowth& lead = *suspect.stacks.front().row;
      if (lead.process != stack.row->process || !AreInStep(lead, *stack.row)) continue;
      const bool is_graph = suspect.holder && suspect.holder->through_graph;
      const bool belongs = suspect.holder && !is_graph
                               ? SameApplicationFunction(one_.stacks, lead.stack, stack.row->stack)
                               : ShareAFunction(one_.stacks, lead.stack, stack.row->stack);
      if (!belongs) continue;
      AddStack(suspect, stack);
      if (suspect.holder) {
        suspect.in_step.push_back(stack);
      } else {
        suspect.blocks += stack.row->survivor_blocks;
        suspect.stacks.push_back(stack);
      }
      return;
    }
    Suspect suspect;
    suspect.stacks.push_back(stack);
    suspect.blocks = stack.row->survivor_blocks;
    if (stack.holder != nullptr) {
      suspect.sampled = stack.holder->sampled;
      suspect.found = stack.holder->found;
      suspect.agreeing = stack.holder->agreeing;
    }
    AddStack(suspect, stack);
    suspects_.push_back(std::move(suspect));
  }

  std::vector<Suspect> Take() && { return std::move(suspects_); }

 private:
  bool IsKnown(const TypeGrowth& type) const {
    return type.holder && index_.contains({main_.value, HolderKey(*type.holder)});
  }

  void AddType(const TypeGrowth& type) {
    Suspect& suspect = BelowHolder(main_, *type.holder);
    if (suspect.stacks.empty() && suspect.types.empty()) {
      suspect.sampled = type.sampled;
      suspect.found = type.agreeing;
      suspect.agreeing = type.agreeing;
    }
    suspect.types.push_back(&type);
    suspect.bytes += static_cast<Bytes>(type.bytes);
    suspect.rate += static_cast<double>(type.bytes) / one_.holders->seconds_between;
  }

  Suspect& BelowHolder(model::ProcessId process, const HolderPath& holder) {
    const auto [it, is_new] =
        index_.try_emplace({process.value, HolderKey(holder)}, suspects_.size());
    if (is_new) suspects_.emplace_back().holder = holder;
    return suspects_[it->second];
  }

  const Case& one_;
  const model::ProcessId main_;  // whose heap was looked at
  std::vector<Suspect> suspects_;
  std::map<std::pair<std::uint32_t, std::string>, std::size_t> index_;
};

}  // namespace

std::vector<Suspect> FindSuspects(const Case& one) {
  const std::vector<GrowingStack> growing = GrowingStacks(one);
  Merger merger(one);
  for (const GrowingStack& stack : growing) {
    if (IsProven(stack)) merger.AddProven(stack);
  }
  if (one.holders != nullptr) merger.AddTypes(one.holders->types);
  for (const GrowingStack& stack : growing) {
    if (!IsProven(stack)) merger.AddUnproven(stack);
  }
  std::vector<Suspect> suspects = std::move(merger).Take();
  double total = one.live.trend == Trend::kGrowing ? one.live.slope : 0;
  for (const Suspect& suspect : suspects) total = std::max(total, suspect.rate);
  std::erase_if(suspects, [&](const Suspect& suspect) {
    return static_cast<double>(suspect.bytes) < one.matters || suspect.rate < kNegligible * total;
  });
  std::stable_sort(suspects.begin(), suspects.end(),
                   [](const Suspect& a, const Suspect& b) { return a.rate > b.rate; });
  return suspects;
}

}  // namespace memwhy::analysis
