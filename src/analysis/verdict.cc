// SPDX-License-Identifier: Apache-2.0
#include "analysis/verdict.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "analysis/capture_checks.h"
#include "analysis/case.h"
#include "analysis/describe.h"
#include "analysis/kept_memory.h"
#include "analysis/main_process.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

constexpr double kPlateauBytes = 8.0 * 1024 * 1024;
constexpr double kPlateauShare = 0.03;
constexpr double kSettling_s = 0.5;  // after the first operation

std::string PerMinute(double bytes_per_second) {
  return FormatSignedBytes(std::llround(bytes_per_second * 60)) + " per minute";
}

// What rss rose by between the service's first operations and the window's end; nullopt without
// marks or samples. Start-up, with its imports, is no growth.
std::optional<double> RiseSinceFirstOperation(const Case& one) {
  std::optional<double> start;
  for (const model::Mark& mark : one.recording.marks) {
    if (!start || mark.time < *start) start = mark.time;
  }
  if (!start) return std::nullopt;
  std::optional<double> first;
  double last = 0;
  for (const model::OsSample& sample : one.recording.os_samples) {
    if (sample.process != MainProcess(one.recording) || sample.time > one.view.options.to) continue;
    if (!first && sample.time >= *start + kSettling_s) first = static_cast<double>(sample.rss);
    last = static_cast<double>(sample.rss);
  }
  if (!first) return std::nullopt;
  return last - *first;
}

void ConcludeFlat(const Case& one, Verdict& verdict) {
  const std::optional<double> rise = RiseSinceFirstOperation(one);
  const bool has_risen = rise && *rise >= std::max(kPlateauBytes, kPlateauShare * one.base);
  if (one.live.trend == Trend::kPlateau || one.rss.trend == Trend::kPlateau || has_risen) {
    verdict.word = VerdictWord::kPlateau;
    verdict.summary =
        has_risen ? fmt::format(
                        "Memory rose by {} after the first {}s and has been flat since: a "
                        "cache or a pool that is full. Nothing to blame.",
                        FormatBytes(static_cast<Bytes>(std::llround(*rise))), OperationName(one))
                  : fmt::format(
                        "Memory rose and levelled off within the window ({}). Nothing to "
                        "blame.",
                        one.live.trend == Trend::kPlateau ? "live bytes: " + one.live.why
                                                          : "rss: " + one.rss.why);
    return;
  }
  verdict.word = VerdictWord::kStable;
  verdict.summary = fmt::format(
      "Memory is stable: over {} live bytes moved by {}{}. Nothing to "
      "blame.",
      FormatSeconds(one.seconds), FormatSignedBytes(std::llround(one.live.net)),
      one.operations_per_second
          ? fmt::format(" while {} {}s were served", FormatCount(one.view.operations_total),
                        OperationName(one))
          : std::string());
}

void ConcludeInconclusive(const Case& one, Verdict& verdict, std::string why, double wanted) {
  verdict.word = VerdictWord::kInconclusive;
  verdict.wanted_seconds = wanted;
  verdict.summary = fmt::format("Inconclusive: {}. Try {}.", why, DiagnoseCommand(one, wanted));
}

void ConcludeGrowing(const Case& one, Verdict& verdict) {
  verdict.word = VerdictWord::kGrowing;
  const Finding& lead = verdict.findings.front();
  // Threads and descriptors may grow while no memory does.
  if (lead.kind == Kind::kOsObject || lead.kind == Kind::kCopyOnWrite) {
    verdict.summary = "Something grows outside of the heap: " + lead.title + ".";
    return;
  }
  verdict.summary = fmt::format("Memory grows by {}", PerMinute(one.growth_rate));
  if (lead.growth_bytes_per_operation) {
    verdict.summary +=
        fmt::format(" ({} per {})",
                    FormatSignedBytes(std::llround(one.growth_rate / *one.operations_per_second)),
                    OperationName(one));
  }
  if (lead.share_of_growth) {
    verdict.summary += fmt::format("; {:.0f} % of it: {}", *lead.share_of_growth * 100, lead.title);
  } else {
    verdict.summary += ": " + lead.title;
  }
  verdict.summary += ".";
}

bool IsKept(const Finding& finding) {
  return finding.kind == Kind::kAllocatorRetention || finding.kind == Kind::kFragmentation;
}

bool IsKill(const Finding& finding) {
  return finding.id.starts_with("oom.") || finding.id.starts_with("kill.");
}

void Judge(const Case& one, Verdict& verdict) {
  const bool keeps =
      std::any_of(verdict.findings.begin(), verdict.findings.end(), [](const Finding& finding) {
        return IsKept(finding) ||
               (finding.kind == Kind::kOsObject && finding.severity != Severity::kInfo);
      });
  // A process that rests after its work may well keep what the work took, and threads, descriptors
  // and segments need few allocations.
  const auto missing = WhatIsMissing(one);
  if (missing && !(missing->is_idle && keeps)) {
    // Whether a process was killed, and why, is known however short it lived.
    std::erase_if(verdict.findings, [](const Finding& finding) { return !IsKill(finding); });
    verdict.missing = missing->why;
    ConcludeInconclusive(one, verdict, missing->why, missing->wanted_seconds);
    return;
  }
  const bool grows =
      std::any_of(verdict.findings.begin(), verdict.findings.end(), [](const auto& f) {
        return !IsKept(f) && f.severity != Severity::kInfo &&
               (f.growth_bytes_per_second > 0 || f.kind == Kind::kOsObject);
      });
  const bool is_bloated =
      !grows && std::any_of(verdict.findings.begin(), verdict.findings.end(), [](const auto& f) {
        return f.kind == Kind::kCollectableCycleDebt && f.severity != Severity::kInfo;
      });
  if (grows) {
    ConcludeGrowing(one, verdict);
  } else if (is_bloated) {
    verdict.word = VerdictWord::kBloated;
    verdict.summary = "Memory does not grow, but it is higher than it must be: " +
                      verdict.findings.front().title + ".";
  } else if (const auto retention =
                 std::find_if(verdict.findings.begin(), verdict.findings.end(), IsKept);
             retention != verdict.findings.end()) {
    verdict.word = VerdictWord::kRetained;
    verdict.summary = "What the program uses is flat, but " + retention->title + ".";
  } else if (one.live.trend == Trend::kGrowing) {
    ConcludeInconclusive(one, verdict,
                         fmt::format("live bytes rise by {}, but no single stack carries it",
                                     PerMinute(one.live.slope)),
                         3 * one.view.options.to);
  } else if (WhyRssRises(one) == RssRise::kUnexplained) {
    ConcludeInconclusive(one, verdict,
                         fmt::format("rss rises by {}, but neither what the program uses nor what "
                                     "its allocators keep free does",
                                     PerMinute(one.rss.slope)),
                         3 * one.view.options.to);
  } else {
    ConcludeFlat(one, verdict);
    if (WhyRssRises(one) == RssRise::kLittleKept) {
      verdict.summary += " Still, " + DescribeLittleKept(one) + ".";
    }
  }
}

}  // namespace

Verdict Conclude(const model::Recording& recording, const model::StackTree& stacks,
                 const model::WindowView& view, const std::vector<model::Ledger>& ledgers,
                 const HolderReport* holders, const model::WindowEnds* ends) {
  Case one = MakeCase(recording, stacks, view, ledgers, holders);
  one.ends = ends;
  Verdict verdict;
  verdict.live = one.live;
  verdict.rss = one.rss;
  verdict.window_from = view.options.from;
  verdict.window_to = view.options.to;
  verdict.operations = view.operations_total;
  verdict.operation_name = view.operations_name;
  verdict.operations_per_second = one.operations_per_second;
  verdict.process = MainProcess(recording);
  verdict.growth_rate = one.growth_rate;
  verdict.limit = one.limit;
  verdict.charged = one.charged;
  verdict.checks = CaptureChecks(one);
  for (const auto& rule : {CheckContainerGrowth,    CheckRetainedGraph,      CheckTensorFlow,
                           CheckLeakedReferences,   CheckGarbageCycles,      CheckChains,
                           CheckTaskPiles,          CheckUnreleasedGrowth,   CheckPooledGrowth,
                           CheckAllocatorRetention, CheckGlibcRetained,      CheckGlibcArenaSpread,
                           CheckGlibcPinnedTop,     CheckPymallocFragmented, CheckRunawayThreads,
                           CheckLeakedDescriptors,  CheckCgroupShm,          CheckCgroupKernel,
                           CheckCgroupPageCache,    CheckCopiedOnWrite,      CheckKilled,
                           CheckBelowNoise}) {
    RuleOutcome outcome = rule(one);
    verdict.checks.push_back(std::move(outcome.check));
    std::move(outcome.findings.begin(), outcome.findings.end(),
              std::back_inserter(verdict.findings));
  }
  if (HasBlame(verdict)) {
    RuleOutcome rest = CheckUnexplained(one, verdict.findings);
    verdict.checks.push_back(std::move(rest.check));
    std::move(rest.findings.begin(), rest.findings.end(), std::back_inserter(verdict.findings));
  }
  // What blames nobody comes last, whatever its size.
  std::stable_sort(verdict.findings.begin(), verdict.findings.end(),
                   [](const Finding& a, const Finding& b) {
                     const bool a_blames = a.severity != Severity::kInfo;
                     const bool b_blames = b.severity != Severity::kInfo;
                     if (a_blames != b_blames) return a_blames;
                     return std::pair(a.growth_bytes_per_second, a.bytes_at_stake) >
                            std::pair(b.growth_bytes_per_second, b.bytes_at_stake);
                   });
  Judge(one, verdict);
  verdict.checks.push_back(CheckWarmUpPlateau(one, verdict.word));
  const auto killed =
      std::find_if(verdict.findings.begin(), verdict.findings.end(), [](const Finding& finding) {
        return finding.id.starts_with("oom.") || finding.id.starts_with("kill.");
      });
  if (killed != verdict.findings.end()) {
    verdict.summary = killed->title + ". " + verdict.summary;
  }
  if (verdict.process.value < recording.processes.size()) {
    for (Finding& finding : verdict.findings) {
      finding.processes = {{recording.processes[verdict.process.value].pid,
                            finding.growth_bytes_per_second, finding.bytes_at_stake}};
    }
  }
  return verdict;
}

bool HasBlame(const Verdict& verdict) {
  return std::any_of(verdict.findings.begin(), verdict.findings.end(),
                     [](const Finding& finding) { return finding.severity != Severity::kInfo; });
}

int ExitCode(const Verdict& verdict) {
  if (verdict.word == VerdictWord::kInconclusive) return 4;
  return HasBlame(verdict) ? 1 : 0;
}

}  // namespace memwhy::analysis
