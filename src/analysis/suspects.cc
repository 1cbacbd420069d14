// SPDX-License-Identifier: Apache-2.0
#include "analysis/suspects.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "analysis/application_frame.h"
#include "analysis/main_process.h"
#include "analysis/maker_site.h"

namespace memwhy::analysis {
namespace {

constexpr std::size_t kFewestAgreeing = 3;  // of survivors, which are many
constexpr double kInStep = 0.9;             // cosine of the births per bin
constexpr double kNegligible = 0.02;        // of all growth: too little to be told from noise
constexpr double kFewestTypeBytes = 128 * 1024;
// Of a type's new objects: enough to join a holder that another type has proven.
constexpr double kJoinAgreement = 0.25;
constexpr double kGoesOn = 0.3;      // of a type's rate over the window, at its end
constexpr double kByPages = 0.5;     // of the growth of a type, by pages of rss
constexpr double kSameCount = 0.02;  // of lost objects of two types, apart
constexpr double kMaxTimes = 4;

bool IsAgreed(std::size_t agreeing, std::size_t sampled, const std::optional<HolderPath>& holder,
              double share = kAgreement) {
  return holder && agreeing >= kFewestAgreeing &&
         static_cast<double>(agreeing) >= share * static_cast<double>(sampled);
}

bool IsPooled(const TypeGrowth& type) { return type.after > type.before && type.pooled > 0; }

bool IsProven(const GrowingStack& stack) {
  if (stack.holder == nullptr) return false;
  const StackHolder& holder = *stack.holder;
  // One block that grows has one owner, and nothing to agree with.
  if (stack.judgement.by_size) {
    return holder.holder &&
           static_cast<double>(holder.agreeing) >= kAgreement * static_cast<double>(holder.sampled);
  }
  return IsAgreed(holder.agreeing, holder.sampled, holder.holder);
}

// Whether most survivors that were looked up were lost in one way, which goes on: there are more of
// them than in the dump before.
const LossGrowth* LossOf(const HolderReport& report, const LossVote& vote, std::size_t sampled) {
  if (vote.loss >= report.losses.size() || vote.agreeing < kFewestAgreeing ||
      static_cast<double>(vote.agreeing) < kAgreement * static_cast<double>(sampled)) {
    return nullptr;
  }
  const LossGrowth& loss = report.losses[vote.loss];
  // What C code may have is not lost.
  if (loss.loss.kind == LossKind::kReference && loss.loss.proof != ReferenceProof::kScanned) {
    return nullptr;
  }
  return loss.before && loss.loss.count <= *loss.before ? nullptr : &loss;
}

const LossGrowth* LossOf(const Case& one, const GrowingStack& stack) {
  if (stack.holder == nullptr) return nullptr;
  return LossOf(*one.holders, stack.holder->lost, stack.holder->sampled);
}

// What the collector will free one day comes and goes; what nobody can free only grows.
bool IsForGood(const Loss& loss) {
  return loss.kind == LossKind::kReference || loss.why != CycleWhy::kThreshold;
}

// As many of both in the same time, or a few of one for each of the other: one call loses both.
bool AreInProportion(const LossGrowth& a, const LossGrowth& b) {
  const auto grown = [](const LossGrowth& one) {
    return static_cast<double>(one.loss.count - one.before.value_or(0));
  };
  const double more = std::max(grown(a), grown(b));
  const double less = std::max(1.0, std::min(grown(a), grown(b)));
  const double times = std::round(more / less);
  return times <= kMaxTimes && std::abs(more / less - times) <= kSameCount * times;
}

std::string HolderKey(const HolderPath& holder) {
  return holder.holder_text.empty() ? holder.text : holder.holder_text;
}

const StackHolder* HolderOf(const HolderReport* report, const model::StackGrowth& row) {
  if (report == nullptr) return nullptr;
  for (const StackHolder& holder : report->stacks) {
    if (holder.process == row.process && holder.stack == row.first_stack &&
        holder.is_resized == row.is_resized) {
      return &holder;
    }
  }
  return nullptr;
}

std::vector<GrowingStack> GrowingStacks(const Case& one) {
  std::vector<GrowingStack> growing;
  for (const model::StackGrowth& row : one.view.stacks) {
    if (row.is_arena || (row.survivor_blocks == 0 && row.grown_by_size == 0)) continue;
    GrowingStack stack{&row, JudgeStack(row, one.view.options), HolderOf(one.holders, row)};
    if (stack.judgement.is_growing) growing.push_back(std::move(stack));
  }
  std::stable_sort(growing.begin(), growing.end(),
                   [](const auto& a, const auto& b) { return a.bytes() > b.bytes(); });
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

// What a library keeps is not kept by what holds the Python objects that the same line makes.
bool SameLibrary(const model::StackTree& stacks, model::StackId a, model::StackId b) {
  return NativeLibrary(stacks, a) == NativeLibrary(stacks, b);
}

void AddStack(Suspect& suspect, const GrowingStack& stack) {
  suspect.bytes += stack.bytes();
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

  void AddLost(const GrowingStack& stack, const LossGrowth& loss) {
    Suspect& suspect = Lost(stack.row->process, loss, stack.row->stack);
    suspect.sampled += stack.holder->sampled;
    suspect.found += stack.holder->lost.agreeing;
    suspect.agreeing += stack.holder->lost.agreeing;
    suspect.blocks += stack.row->survivor_blocks;
    suspect.stacks.push_back(stack);
    AddStack(suspect, stack);
  }

  // Objects in pools that were lost.
  void AddLostTypes(const std::vector<TypeGrowth>& types) {
    if (one_.holders->seconds_between <= 0) return;
    for (const TypeGrowth& type : types) {
      if (!IsPooled(type)) continue;
      const LossGrowth* loss = LossOf(*one_.holders, type.lost, type.sampled);
      if (loss == nullptr) continue;
      const bool is_known = FindLost(main_, *loss, MakerSite(one_.stacks, type)) != nullptr;
      if (!is_known && (static_cast<double>(type.pooled) < kFewestTypeBytes ||
                        !(IsForGood(loss->loss) || one_.pooled.growth.trend == Trend::kGrowing))) {
        continue;
      }
      Suspect& suspect = Lost(main_, *loss, MakerSite(one_.stacks, type));
      if (suspect.stacks.empty()) {
        suspect.sampled += type.sampled;
        suspect.found += type.lost.agreeing;
        suspect.agreeing += type.lost.agreeing;
      }
      AddTypeBytes(suspect, type);
    }
  }

  // Objects in pools. One type that agrees makes a suspect where it is confirmed that the pools
  // grow and that it goes on; others join a holder that is known.
  void AddTypes(const std::vector<TypeGrowth>& types) {
    if (one_.holders->seconds_between <= 0) return;
    std::vector<const TypeGrowth*> others;
    for (const TypeGrowth& type : types) {
      if (static_cast<double>(type.pooled) < kFewestTypeBytes || !IsPooled(type)) continue;
      const bool is_agreed = IsAgreed(type.agreeing, type.sampled, type.holder);
      if (is_agreed && (IsKnown(type) || IsConfirmed(type))) {
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
      if (suspect.stacks.empty() || !suspect.losses.empty()) continue;
      const model::StackGrowth& lead = *suspect.stacks.front().row;
      if (lead.process != stack.row->process || !AreInStep(lead, *stack.row)) continue;
      const bool is_graph = suspect.holder && suspect.holder->through_graph;
      const bool belongs = suspect.holder && !is_graph
                               ? SameApplicationFunction(one_.stacks, lead.stack, stack.row->stack)
                               : ShareAFunction(one_.stacks, lead.stack, stack.row->stack);
      if (!belongs || (!is_graph && !SameLibrary(one_.stacks, lead.stack, stack.row->stack))) {
        continue;
      }
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
  // By arenas, or, where it takes longer than the window to fill a few, by the pages of rss, as
  // long as objects of the type are still made and kept at its end.
  bool IsConfirmed(const TypeGrowth& type) const {
    if (one_.pooled.growth.trend == Trend::kGrowing) return true;
    const double rate =
        static_cast<double>(type.after - type.before) / one_.holders->seconds_between;
    const double pooled = static_cast<double>(type.pooled) / one_.holders->seconds_between;
    return one_.slow_rss.trend == Trend::kGrowing && type.late_rate &&
           *type.late_rate >= kGoesOn * rate && one_.slow_rss.slope >= kByPages * pooled;
  }

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
    AddTypeBytes(suspect, type);
  }

  void AddTypeBytes(Suspect& suspect, const TypeGrowth& type) {
    suspect.types.push_back(&type);
    suspect.bytes += static_cast<Bytes>(type.pooled);
    suspect.rate += static_cast<double>(type.pooled) / one_.holders->seconds_between;
  }

  // The suspect to which such a loss belongs: the same loss, or references that are lost at the
  // same line, or, where the line is not known, in proportion.
  Suspect* FindLost(model::ProcessId process, const LossGrowth& loss,
                    std::optional<model::StackId> site) {
    for (Lead& lead : lost_) {
      if (lead.process != process) continue;
      Suspect& suspect = suspects_[lead.suspect];
      const LossGrowth& first = *suspect.losses.front();
      if (std::find(suspect.losses.begin(), suspect.losses.end(), &loss) != suspect.losses.end()) {
        return &suspect;
      }
      if (first.loss.kind != LossKind::kReference || loss.loss.kind != LossKind::kReference) {
        continue;
      }
      const bool is_same = site && lead.site
                               ? SameApplicationFunction(one_.stacks, *site, *lead.site)
                               : AreInProportion(first, loss);
      if (is_same) return &suspect;
    }
    return nullptr;
  }

  Suspect& Lost(model::ProcessId process, const LossGrowth& loss,
                std::optional<model::StackId> site) {
    Suspect* suspect = FindLost(process, loss, site);
    if (suspect == nullptr) {
      lost_.push_back({process, site, suspects_.size()});
      suspect = &suspects_.emplace_back();
    }
    if (std::find(suspect->losses.begin(), suspect->losses.end(), &loss) == suspect->losses.end()) {
      suspect->losses.push_back(&loss);
    }
    return *suspect;
  }

  Suspect& BelowHolder(model::ProcessId process, const HolderPath& holder) {
    const auto [it, is_new] =
        index_.try_emplace({process.value, HolderKey(holder)}, suspects_.size());
    if (is_new) suspects_.emplace_back().holder = holder;
    return suspects_[it->second];
  }

  const Case& one_;
  const model::ProcessId main_;  // whose heap was looked at
  struct Lead {
    model::ProcessId process;
    std::optional<model::StackId> site;
    std::size_t suspect = 0;
  };

  std::vector<Suspect> suspects_;
  std::vector<Lead> lost_;
  std::map<std::pair<std::uint32_t, std::string>, std::size_t> index_;
};

}  // namespace

std::vector<Suspect> FindSuspects(const Case& one, std::vector<Suspect>* small) {
  const std::vector<GrowingStack> growing = GrowingStacks(one);
  Merger merger(one);
  for (const GrowingStack& stack : growing) {
    if (IsProven(stack)) {
      merger.AddProven(stack);
    } else if (const LossGrowth* loss = LossOf(one, stack)) {
      merger.AddLost(stack, *loss);
    }
  }
  if (one.holders != nullptr) {
    merger.AddTypes(one.holders->types);
    merger.AddLostTypes(one.holders->types);
  }
  for (const GrowingStack& stack : growing) {
    if (!IsProven(stack) && LossOf(one, stack) == nullptr) merger.AddUnproven(stack);
  }
  std::vector<Suspect> suspects = std::move(merger).Take();
  double total = one.live.trend == Trend::kGrowing ? one.live.slope : 0;
  for (const Suspect& suspect : suspects) total = std::max(total, suspect.rate);
  std::stable_sort(suspects.begin(), suspects.end(),
                   [](const Suspect& a, const Suspect& b) { return a.rate > b.rate; });
  const auto matter = [&](const Suspect& suspect) {
    return static_cast<double>(suspect.bytes) >= one.matters && suspect.rate >= kNegligible * total;
  };
  const auto rest = std::stable_partition(suspects.begin(), suspects.end(), matter);
  small->assign(std::make_move_iterator(rest), std::make_move_iterator(suspects.end()));
  suspects.erase(rest, suspects.end());
  return suspects;
}

}  // namespace memwhy::analysis
