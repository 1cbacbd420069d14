// SPDX-License-Identifier: Apache-2.0
#include "analysis/capture_checks.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/strings.h"
#include "model/missing_note.h"

namespace memwhy::analysis {
namespace {

constexpr std::uint64_t kCaptureChecksFewestOperations = 30;
constexpr std::uint64_t kFewestAllocations = 100;
constexpr double kNearLimit = 0.9;
constexpr double kComfortable_s = 60;
constexpr double kLongest_s = 24 * 3600;

std::uint64_t Allocations(const Case& one) {
  std::uint64_t allocations = 0;
  for (const model::StackGrowth& row : one.view.stacks) allocations += row.allocations;
  return allocations;
}

Check Complete(const Case& one) {
  if (!one.is_lossy) return {"capture.complete", CheckResult::kPass, "no event was lost"};
  return {"capture.complete", CheckResult::kFail,
          IncompleteText(one.recording) + ": confidence is lowered"};
}

Check LongEnough(const Case& one) {
  const std::string length = fmt::format("the window is {:.1f} s long", one.seconds);
  if (one.live.trend == Trend::kInconclusive) {
    return {"window.long_enough", CheckResult::kFail, one.live.why};
  }
  return {"window.long_enough", CheckResult::kPass, length};
}

Check Activity(const Case& one) {
  const std::uint64_t allocations = Allocations(one);
  if (one.operations_per_second) {
    const bool is_enough = one.view.operations_total >= kCaptureChecksFewestOperations;
    return {"window.activity", is_enough ? CheckResult::kPass : CheckResult::kFail,
            fmt::format("{} {}s, {} per second", FormatCount(one.view.operations_total),
                        OperationName(one), CountText(*one.operations_per_second))};
  }
  return {"window.activity",
          allocations >= kFewestAllocations ? CheckResult::kPass : CheckResult::kFail,
          fmt::format("{} allocations; no operations are marked", FormatCount(allocations))};
}

Check Trending(const char* id, const char* name, const Growth& growth) {
  if (growth.bins == 0) return {id, CheckResult::kCouldNot, fmt::format("no {} were read", name)};
  if (growth.trend == Trend::kInconclusive) return {id, CheckResult::kCouldNot, growth.why};
  return {id, growth.trend == Trend::kGrowing ? CheckResult::kFail : CheckResult::kPass,
          fmt::format("{}: {}", TrendName(growth.trend), growth.why)};
}

Check HeapGraph(const Case& one) {
  if (one.holders == nullptr) {
    for (const std::string& note : one.recording.notes) {
      if (note.starts_with(model::kNoDumpNote)) {
        return {"heap.graph", CheckResult::kCouldNot, "who holds what is not known: " + note};
      }
    }
    return {"heap.graph", CheckResult::kCouldNot, "no heap dump was taken"};
  }
  if (!one.holders->why_not.empty()) {
    return {"heap.graph", CheckResult::kCouldNot, one.holders->why_not};
  }
  return {"heap.graph", CheckResult::kPass,
          fmt::format("{} objects looked at", FormatCount(one.holders->objects))};
}

Check Headroom(const Case& one) {
  if (!one.limit || !one.charged) {
    return {"cgroup.headroom", CheckResult::kNotApplicable, "no cgroup limit is known"};
  }
  const double used = static_cast<double>(*one.charged) / static_cast<double>(*one.limit);
  return {"cgroup.headroom", used >= kNearLimit ? CheckResult::kFail : CheckResult::kPass,
          fmt::format("{} of {} are charged ({:.0f} %)", FormatBytes(*one.charged),
                      FormatBytes(*one.limit), used * 100)};
}

// How long a recording must be for a window of `seconds` after its warm-up.
double RecordingFor(const Case& one, double seconds) {
  const double share = one.view.options.to > 0 ? one.seconds / one.view.options.to : 0;
  return std::min(kLongest_s, seconds / (share > 0.1 ? share : 0.66));
}

}  // namespace

std::string IncompleteText(const model::Recording& recording) {
  std::vector<std::string> parts;
  if (recording.lost_events > 0) {
    parts.push_back(FormatCount(recording.lost_events) + " events were lost");
  }
  if (!recording.damage.empty()) parts.push_back(recording.damage);
  const auto missing =
      std::find_if(recording.notes.begin(), recording.notes.end(), &model::IsMissingNote);
  if (missing != recording.notes.end()) {
    parts.push_back(*missing);
    const auto more = std::count_if(missing + 1, recording.notes.end(), &model::IsMissingNote);
    if (more > 0) parts.push_back(fmt::format("and {} more, which the session names", more));
  }
  if (parts.empty()) parts.emplace_back("recording stopped before the program did");
  return Join(parts, "; ");
}

std::vector<Check> CaptureChecks(const Case& one) {
  return {Complete(one),
          LongEnough(one),
          Activity(one),
          Trending("live.growth", "allocation events", one.live),
          Trending("rss.growth", "samples of rss", one.rss),
          HeapGraph(one),
          Headroom(one)};
}

std::optional<Missing> WhatIsMissing(const Case& one) {
  for (const model::Process& process : one.recording.processes) {
    if (one.view.stacks.empty() && !process.note.empty()) {
      return Missing{"nothing was recorded: " + process.note, kComfortable_s};
    }
  }
  if (one.live.trend == Trend::kInconclusive) {
    return Missing{one.live.why,
                   std::max(kComfortable_s, RecordingFor(one, one.live.needed_seconds))};
  }
  if (one.operations_per_second && one.view.operations_total < kCaptureChecksFewestOperations) {
    const double seconds =
        static_cast<double>(kCaptureChecksFewestOperations) / *one.operations_per_second;
    return Missing{fmt::format("only {} {}s in {:.0f} s, {} are needed", one.view.operations_total,
                               OperationName(one), one.seconds, kCaptureChecksFewestOperations),
                   std::max(kComfortable_s, RecordingFor(one, seconds))};
  }
  const bool is_busy = one.operations_per_second || Allocations(one) >= kFewestAllocations ||
                       one.live.trend == Trend::kGrowing || one.rss.trend == Trend::kGrowing;
  if (!is_busy) {
    return Missing{fmt::format("the process did next to nothing: {} allocations in {:.0f} s",
                               Allocations(one), one.seconds),
                   std::max(kComfortable_s, 3 * one.view.options.to), true};
  }
  return std::nullopt;
}

}  // namespace memwhy::analysis
