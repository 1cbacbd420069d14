// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "analysis/describe.h"
#include "analysis/kept_memory.h"
#include "analysis/main_process.h"
#include "analysis/rules/rules.h"
#include "analysis/sample_series.h"

namespace memwhy::analysis {
namespace {

constexpr double kFewestThreads = 8;
constexpr double kThreadsShare = 0.25;  // of the threads at the window's start

// "Thread-12 (work)" and "Thread-13 (work)" are one kind of thread.
std::string WithoutNumbers(const std::string& name) {
  std::string kind;
  for (const char c : name) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit) {
      kind += c;
    } else if (kind.empty() || kind.back() != '#') {
      kind += '#';
    }
  }
  return kind;
}

// The most frequent kind of name among the threads that live at the window's end.
std::pair<std::string, std::uint64_t> MostFrequentName(const Case& one) {
  std::map<std::string, std::uint64_t> kinds;
  for (const model::Thread& thread : one.recording.threads) {
    const bool is_over = thread.ended_at && *thread.ended_at <= one.view.options.to;
    if (thread.process != MainProcess(one.recording) || is_over) continue;
    ++kinds[WithoutNumbers(thread.name)];
  }
  std::pair<std::string, std::uint64_t> most;
  for (const auto& [name, count] : kinds) {
    if (count > most.second) most = {name, count};
  }
  return most;
}

bool IsPile(const Case& one) {
  return std::any_of(one.suspects.begin(), one.suspects.end(), [&](const Suspect& suspect) {
    return RuleOf(one, suspect) == SuspectRule::kTaskPile;
  });
}

Finding DescribeThreads(const Case& one, const Growth& growth, std::uint64_t threads) {
  const Bytes stacks = ShareBytes(LedgerAt(one, "end"), model::ShareKind::kThreadStacks);
  const Bytes before = ShareBytes(LedgerAt(one, "start"), model::ShareKind::kThreadStacks);
  Finding finding;
  finding.id = "threads.runaway";
  finding.kind = Kind::kOsObject;
  finding.layer = Layer::kSystem;
  finding.bytes_layer = Layer::kSystem;
  finding.severity = Severity::kMedium;
  finding.confidence = Lowered(one, Confidence::kStrong);
  finding.bytes_at_stake = stacks;
  finding.growth_bytes_per_second =
      stacks > before && one.seconds > 0 ? static_cast<double>(stacks - before) / one.seconds : 0;
  finding.what = {"thread", threads, std::nullopt};
  const double per_minute = growth.slope * 60;
  finding.title = fmt::format("threads become more and more: {} now, {:+.0f} per minute",
                              FormatCount(threads), per_minute);
  finding.evidence.push_back(
      {fmt::format("{} threads at the window's end; the number rises in all "
                   "parts of the window, by {:.0f} in {}",
                   FormatCount(threads), growth.net, FormatSeconds(one.seconds)),
       static_cast<double>(threads), "threads", "/proc/PID/stat"});
  finding.evidence.push_back({fmt::format("their stacks: {}, resident", FormatBytes(stacks)),
                              static_cast<double>(stacks), "bytes", "ledger"});
  if (const auto [name, count] = MostFrequentName(one); count > 1) {
    finding.evidence.push_back({fmt::format("{} of those that allocated are called {}",
                                            FormatCount(count), name.empty() ? "nothing" : name),
                                static_cast<double>(count), "threads", "names of threads"});
  }
  finding.would_disprove = "The number of threads stops in a longer window: a pool that fills.";
  finding.prediction = fmt::format(
      "If nothing changes: {:+.0f} threads in the next hour, each with a stack of its own and, for "
      "malloc, an arena.",
      growth.slope * 3600);
  finding.next_step = {DiagnoseCommand(one, std::max(60.0, 2 * one.view.options.to)),
                       "a heap dump names where threads of Python wait and what started them"};
  finding.fix = "Join threads when their work is done, or hand work to a pool of fixed size.";
  return finding;
}

}  // namespace

RuleOutcome CheckRunawayThreads(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "threads.runaway";
  const SampleNumber number = [](const model::OsSample& sample) {
    return sample.threads > 0 ? std::optional<std::uint64_t>(sample.threads) : std::nullopt;
  };
  const auto floors = SampleFloors(one, number);
  if (!floors) {
    check.result = CheckResult::kCouldNot;
    check.why = "the number of threads was not read all through the window";
    return outcome;
  }
  const Growth growth =
      JudgeFloors(*floors, one.seconds, {MetricClass::kExact, kFewestThreads, kThreadsShare});
  check.result = CheckResult::kPass;
  check.why = fmt::format("{} threads at the window's start, {} at its end",
                          FormatCount(floors->front()), FormatCount(floors->back()));
  if (growth.trend != Trend::kGrowing) return outcome;
  if (IsPile(one)) {
    check.result = CheckResult::kNotApplicable;
    check.why += "; py.task_or_thread_pile says where they wait";
    return outcome;
  }
  outcome.findings.push_back(
      DescribeThreads(one, growth, LastSample(one, number).value_or(floors->back())));
  check.result = CheckResult::kFail;
  check.why = outcome.findings.front().title;
  return outcome;
}

}  // namespace memwhy::analysis
