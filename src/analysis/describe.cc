// SPDX-License-Identifier: Apache-2.0
#include "analysis/describe.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "analysis/application_frame.h"
#include "analysis/arena_site.h"
#include "analysis/maker_site.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

constexpr std::uint64_t kDescribeFewestOperations = 10;
constexpr double kProvenShare = 0.8;
constexpr std::size_t kProvenSample = 8;
constexpr std::size_t kTypesSaid = 3;

Bytes ToBytes(double bytes) { return static_cast<Bytes>(std::llround(std::max(0.0, bytes))); }

Layer BytesLayer(const Suspect& suspect) {
  if (suspect.stacks.empty()) return Layer::kInterpreter;
  switch (suspect.stacks.front().row->main_allocator) {
    case wire::Allocator::kPymallocArena:
    case wire::Allocator::kPymemRaw:
    case wire::Allocator::kPymemMem:
    case wire::Allocator::kPymemObj:
      return Layer::kInterpreter;
    default:
      return Layer::kNative;
  }
}

Confidence ConfidenceOf(const Case& one, const Suspect& suspect) {
  const auto sampled = static_cast<double>(suspect.sampled);
  const double agreeing = static_cast<double>(suspect.agreeing);
  if (suspect.holder) {
    // Many survivors agree, or one object was seen to grow.
    const bool is_enough = suspect.sampled >= kProvenSample ||
                           (suspect.grows_by_size() && suspect.holder->resized.has_value());
    const bool is_proven =
        is_enough && agreeing >= kProvenShare * sampled && !suspect.stacks.empty();
    return Lowered(one, is_proven ? Confidence::kProven : Confidence::kStrong);
  }
  if (!suspect.losses.empty()) {
    const bool is_proven = suspect.sampled >= kProvenSample && agreeing >= kProvenShare * sampled;
    return Lowered(one, is_proven ? Confidence::kProven : Confidence::kStrong);
  }
  // Without a holder, the stack and its steady growth are all there is.
  const StackJudgement& judgement = suspect.stacks.front().judgement;
  const bool is_clear =
      judgement.growth.z > 3.5 && suspect.stacks.size() == 1 &&
      (judgement.by_size || (judgement.kept > 0.7 && judgement.births_spread > 0.9));
  return Lowered(one, is_clear ? Confidence::kStrong : Confidence::kWeak);
}

WhoHolds DescribeHolder(const Case& one, const HolderPath& holder) {
  WhoHolds who;
  who.path = holder.path;
  who.text = holder.text;
  who.root = holder.root;
  who.holder = holder.holder_text.empty() ? holder.text : holder.holder_text;
  who.holder_type = holder.holder_type;
  who.holder_length = holder.holder_length;
  who.element_type = holder.element_type;
  who.owner_type = holder.owner_type;
  who.invisible_to_gc = holder.invisible_to_gc;
  // A line of a library says nothing that its name does not.
  if (holder.filled_from) {
    const auto frame = ApplicationFrame(one.stacks, *holder.filled_from);
    if (frame && IsApplicationFrame(one.stacks.frame(*frame))) {
      who.filled_by = DescribeAllocation(one.stacks, *holder.filled_from);
    }
  }
  return who;
}

std::string Blocks(std::uint64_t count) {
  return count == 1 ? "1 block" : FormatCount(count) + " blocks";
}

void AddSizeEvidence(const GrowingStack& lead, Finding& finding) {
  Bytes bytes = 0;
  for (const model::SurvivorBlock& block : lead.row->largest) bytes += block.size;
  finding.evidence.push_back(
      {fmt::format("Live bytes of {} that {} larger again and again: {}",
                   Blocks(lead.row->largest.size()),
                   lead.row->largest.size() == 1 ? "becomes" : "become", lead.judgement.why),
       lead.judgement.growth.slope, "bytes/second", "allocation events"});
  finding.evidence.push_back({fmt::format("larger by {} in the window, {} at its end",
                                          FormatBytes(lead.bytes()), FormatBytes(bytes)),
                              static_cast<double>(bytes), "bytes", "allocation events"});
}

void AddGrowthEvidence(const Case& one, const Suspect& suspect, Finding& finding) {
  if (suspect.grows_by_size()) {
    AddSizeEvidence(suspect.stacks.front(), finding);
  } else if (!suspect.stacks.empty()) {
    const GrowingStack& lead = suspect.stacks.front();
    const Growth& growth = lead.judgement.growth;
    finding.evidence.push_back({fmt::format("Live bytes of this stack: {}", lead.judgement.why),
                                growth.slope, "bytes/second", "allocation events"});
    finding.evidence.push_back(
        {fmt::format("{} blocks made in the window are still alive at its end, {} in all, born in "
                     "{:.0f} % of it",
                     FormatCount(lead.row->survivor_blocks), FormatBytes(lead.row->survivor_bytes),
                     lead.judgement.births_spread * 100),
         static_cast<double>(lead.row->survivor_blocks), "blocks", "allocation events"});
    if (lead.row->allocations > 0) {
      const double kept = 100.0 * static_cast<double>(lead.row->survivor_blocks) /
                          static_cast<double>(lead.row->allocations);
      finding.evidence.push_back({fmt::format("{:.1f} % of the {} blocks that this stack made stay",
                                              kept, FormatCount(lead.row->allocations)),
                                  kept, "percent", "allocation events"});
    }
  }
  const std::size_t others = suspect.stacks.empty() ? 0 : suspect.stacks.size() - 1;
  if (others > 0) {
    Bytes bytes = 0;
    for (std::size_t i = 1; i <= others; ++i) bytes += suspect.stacks[i].bytes();
    finding.evidence.push_back(
        {fmt::format("{} more stacks have the same cause: {}", others, FormatBytes(bytes)),
         static_cast<double>(bytes), "bytes", "allocation events"});
  }
  if (!suspect.in_step.empty()) {
    Bytes bytes = 0;
    for (const GrowingStack& stack : suspect.in_step) bytes += stack.bytes();
    finding.evidence.push_back(
        {fmt::format("{} more stacks below the same function grow in step: {}; their holder is not "
                     "proven",
                     suspect.in_step.size(), FormatBytes(bytes)),
         static_cast<double>(bytes), "bytes", "allocation events"});
  }
  if (one.rss.bins > 0) {
    finding.evidence.push_back(
        {fmt::format("rss: {}", one.rss.why), one.rss.slope, "bytes/second", "/proc/PID/statm"});
  }
}

void AddHolderEvidence(const Case& one, const Suspect& suspect, Finding& finding) {
  if (suspect.holder) {
    finding.evidence.push_back(
        {fmt::format("{} of {} {} that were looked up are held by {}", suspect.agreeing,
                     suspect.sampled, suspect.grows_by_size() ? "blocks" : "survivors",
                     HolderText(*finding.who_holds)),
         static_cast<double>(suspect.agreeing), suspect.grows_by_size() ? "blocks" : "survivors",
         "heap graph"});
    if (const auto& resized = suspect.holder->resized) {
      finding.evidence.push_back(
          {fmt::format("{}: {} before, {} after {}", finding.who_holds->holder,
                       FormatBytes(resized->first), FormatBytes(resized->second),
                       FormatSeconds(one.holders->seconds_between)),
           static_cast<double>(resized->second) - static_cast<double>(resized->first), "bytes",
           "two heap graphs"});
    }
    if (finding.who_holds->filled_by) {
      finding.evidence.push_back(
          {fmt::format("{} was last enlarged by {}", finding.who_holds->holder,
                       CallableText(*finding.who_holds->filled_by)),
           1, "block", "allocation events"});
    }
  } else if (!suspect.stacks.empty() && suspect.losses.empty() &&
             suspect.stacks.front().holder != nullptr) {
    const StackHolder& holder = *suspect.stacks.front().holder;
    finding.evidence.push_back(
        {fmt::format("{} of {} survivors looked up can be reached from Python{}", holder.found,
                     holder.sampled, holder.why_not.empty() ? "" : "; " + holder.why_not),
         static_cast<double>(holder.found), "survivors", "heap graph"});
  }
  for (std::size_t i = 0; i < std::min(kTypesSaid, suspect.types.size()); ++i) {
    const TypeGrowth* type = suspect.types[i];
    finding.evidence.push_back(
        {fmt::format("{} objects: {} before, {} after {}", type->type, FormatCount(type->before),
                     FormatCount(type->after), FormatSeconds(one.holders->seconds_between)),
         static_cast<double>(type->after) - static_cast<double>(type->before), "objects",
         "two heap graphs"});
  }
  if (suspect.types.size() > kTypesSaid) {
    std::int64_t bytes = 0;
    for (std::size_t i = kTypesSaid; i < suspect.types.size(); ++i) {
      bytes += suspect.types[i]->pooled;
    }
    finding.evidence.push_back(
        {fmt::format("{} more types have the same cause: {}", suspect.types.size() - kTypesSaid,
                     FormatSignedBytes(bytes)),
         static_cast<double>(bytes), "bytes", "two heap graphs"});
  }
}

const TypeGrowth* FindType(const Case& one, const std::string& name) {
  if (one.holders == nullptr || one.holders->seconds_between <= 0) return nullptr;
  for (const TypeGrowth& type : one.holders->types) {
    if (type.type == name && type.after > type.before) return &type;
  }
  return nullptr;
}

// Who made the objects in pools, by the first type whose births tell.
std::optional<model::StackId> MakerOf(const Case& one, const Suspect& suspect) {
  for (const TypeGrowth* type : suspect.types) {
    if (const auto site = MakerSite(one.stacks, *type)) return site;
  }
  return std::nullopt;
}

// What accumulates: objects where two heap graphs counted them, else blocks of the leading stack.
What DescribeWhat(const Case& one, const Suspect& suspect) {
  What what;
  if (suspect.holder && !suspect.stacks.empty()) what.type = suspect.holder->held_type;
  if (!suspect.losses.empty()) what.type = suspect.losses.front()->loss.type;
  if (what.type.empty() && !suspect.types.empty()) what.type = suspect.types.front()->type;
  if (const TypeGrowth* type = FindType(one, what.type)) {
    what.count = type->after - type->before;
    if (one.operations_per_second) {
      what.references_per_operation = static_cast<double>(*what.count) /
                                      one.holders->seconds_between / *one.operations_per_second;
    }
  } else if (what.type.empty() && !suspect.stacks.empty() && !suspect.grows_by_size()) {
    what.count = suspect.stacks.front().row->survivor_blocks;
  }
  return what;
}

}  // namespace

std::string HolderText(const WhoHolds& holder) {
  std::string detail = holder.holder_type;
  if (holder.holder_length) {
    if (!detail.empty()) detail += ", ";
    detail += FormatCount(*holder.holder_length) + " entries";
  }
  return detail.empty() ? holder.holder : fmt::format("{} ({})", holder.holder, detail);
}

std::string RateText(const Case& one, const Finding& finding) {
  return RateText(OperationName(one), finding);
}

std::string RateText(const std::string& operation_name, const Finding& finding) {
  if (finding.growth_bytes_per_operation) {
    return fmt::format("{} per {}", FormatBytes(ToBytes(*finding.growth_bytes_per_operation)),
                       operation_name);
  }
  return fmt::format("{} per minute", FormatBytes(ToBytes(finding.growth_bytes_per_second * 60)));
}

std::string Prediction(const Outlook& outlook, double bytes_per_second) {
  std::string text = fmt::format("If nothing changes: {} in the next hour",
                                 FormatSignedBytes(std::llround(bytes_per_second * 3600)));
  if (outlook.operations_per_second) {
    text += fmt::format(
        " at {:.3g} {}s per second, {} per 1,000 {}s", *outlook.operations_per_second,
        outlook.operation_name,
        FormatSignedBytes(std::llround(bytes_per_second / *outlook.operations_per_second * 1000)),
        outlook.operation_name);
  }
  const bool has_room =
      outlook.limit && outlook.charged && *outlook.limit > *outlook.charged && bytes_per_second > 0;
  if (has_room) {
    const double left = static_cast<double>(*outlook.limit - *outlook.charged) / bytes_per_second;
    text += fmt::format("; the cgroup's limit of {} is reached in {}", FormatBytes(*outlook.limit),
                        FormatSeconds(left));
  } else {
    text += "; no cgroup limit is known";
  }
  return text + ".";
}

std::string Prediction(const Case& one, double bytes_per_second) {
  return Prediction({one.operations_per_second, OperationName(one), one.limit, one.charged},
                    bytes_per_second);
}

Severity SeverityOf(const Case& one, double bytes_per_second) {
  constexpr double kDay = 24 * 3600;
  const double per_hour = bytes_per_second * 3600;
  const bool is_near = one.limit && one.charged && *one.limit > *one.charged &&
                       static_cast<double>(*one.limit - *one.charged) < bytes_per_second * kDay;
  if (is_near || per_hour >= 0.2 * one.base) return Severity::kHigh;
  return per_hour >= 0.02 * one.base ? Severity::kMedium : Severity::kLow;
}

Confidence Lowered(const Case& one, Confidence confidence) {
  if (!one.is_lossy) return confidence;
  return confidence == Confidence::kProven ? Confidence::kStrong : Confidence::kWeak;
}

std::string DiagnoseCommand(const Case& one, double seconds) {
  const auto whole = static_cast<long>(std::ceil(seconds / 10) * 10);
  if (one.recording.mode == "launch" && !one.recording.command.empty()) {
    return fmt::format("memwhy diagnose --for {} -- {}", whole, one.recording.command);
  }
  return fmt::format("memwhy diagnose --for {} -- PROGRAM", whole);
}

Finding DescribeSuspect(const Case& one, const Suspect& suspect) {
  Finding finding;
  finding.bytes_layer = BytesLayer(suspect);
  finding.severity = SeverityOf(one, suspect.rate);
  finding.confidence = ConfidenceOf(one, suspect);
  finding.bytes_at_stake = suspect.bytes;
  finding.growth_bytes_per_second = suspect.rate;
  if (one.operations_per_second && one.view.operations_total >= kDescribeFewestOperations) {
    finding.growth_bytes_per_operation = suspect.rate / *one.operations_per_second;
  }
  if (one.growth_rate > 0) {
    finding.share_of_growth = std::clamp(suspect.rate / one.growth_rate, 0.0, 1.0);
  }
  finding.what = DescribeWhat(one, suspect);
  if (suspect.holder) finding.who_holds = DescribeHolder(one, *suspect.holder);
  if (!suspect.stacks.empty()) {
    finding.who_allocated = DescribeAllocation(one.stacks, suspect.stacks.front().row->stack);
  } else if (const auto site = MakerOf(one, suspect)) {
    finding.who_allocated = DescribeAllocation(one.stacks, *site);
  } else if (finding.who_holds && finding.who_holds->filled_by) {
    // Nobody can say who made objects in pools, but who puts them there is known.
    finding.who_allocated = finding.who_holds->filled_by;
  } else if (const auto arena = ArenaSite(one)) {
    finding.who_allocated = DescribeAllocation(one.stacks, *arena);
  }
  AddHolderEvidence(one, suspect, finding);
  AddGrowthEvidence(one, suspect, finding);
  finding.prediction = Prediction(one, suspect.rate);
  finding.next_step = {DiagnoseCommand(one, std::max(60.0, one.view.options.to)),
                       "after the fix, the same run should answer stable or plateau"};
  return finding;
}

}  // namespace memwhy::analysis
