// SPDX-License-Identifier: Apache-2.0
#include "diagnose/process_choice.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "analysis/growth.h"
#include "analysis/main_process.h"
#include "analysis/process_role.h"
#include "base/bytes.h"

namespace memwhy::diagnose {
namespace {

constexpr std::size_t kMaxJudged = 16;
constexpr double kAlmost = 0.8;  // of the longest life: as good as any

struct Candidate {
  model::ProcessId process;
  double seconds = 0;  // of its life in the window
  bool has_heap_dump = false;
  std::optional<Bytes> first;  // rss in the second half of it
  Bytes last = 0;
  Bytes rise() const { return first && last > *first ? last - *first : 0; }
};

// The samples of each process; of all in one pass, since there may be thousands of both.
using Samples = std::map<std::uint32_t, std::vector<const model::OsSample*>>;

Samples SamplesOf(const model::Recording& recording) {
  Samples samples;
  for (const model::OsSample& sample : recording.os_samples) {
    samples[sample.process.value].push_back(&sample);
  }
  return samples;
}

Candidate Look(const model::Recording& recording, const Samples& samples, model::ProcessId process,
               const Window& window) {
  const model::Process& one = recording.processes[process.value];
  Candidate candidate;
  candidate.process = process;
  const double end = recording.watched_to.value_or(recording.seconds);
  const double from = std::max(window.from.value_or(recording.watched_from), one.started);
  const double to = std::min(window.to.value_or(end), one.ended_at.value_or(end));
  candidate.seconds = std::max(0.0, to - from);
  const auto& dumps = recording.heap_dump_processes;
  candidate.has_heap_dump = std::find(dumps.begin(), dumps.end(), process) != dumps.end();
  const auto own = samples.find(process.value);
  if (own == samples.end()) return candidate;
  for (const model::OsSample* sample : own->second) {
    if (sample->time < (from + to) / 2 || sample->time > to) continue;
    if (!candidate.first) candidate.first = sample->rss;
    candidate.last = sample->rss;
  }
  return candidate;
}

}  // namespace

ProcessChoice ChooseProcesses(const model::Recording& recording, const Window& window) {
  // A third of the life is warm-up, unless the window is asked for.
  const double needed =
      window.from ? analysis::kShortestWindow_s : 1.5 * analysis::kShortestWindow_s;
  std::vector<Candidate> candidates;
  double longest = 0;
  const Samples samples = SamplesOf(recording);
  const analysis::ProcessRoles roles(recording);
  for (const model::ProcessId process : analysis::PythonProcesses(recording)) {
    candidates.push_back(Look(recording, samples, process, window));
    longest = std::max(longest, candidates.back().seconds);
  }
  ProcessChoice choice;
  const auto leave_out = [&](const Candidate& candidate, std::string why) {
    const model::Process& one = recording.processes[candidate.process.value];
    analysis::ProcessRow row;
    row.process = candidate.process;
    row.pid = one.pid;
    row.parent = one.parent;
    row.command = one.command;
    row.role = roles.RoleOf(candidate.process);
    row.why = std::move(why);
    row.from = one.started;
    row.to = one.started + candidate.seconds;
    row.has_heap_dump = candidate.has_heap_dump;
    choice.left_out.push_back(std::move(row));
  };
  std::vector<Candidate> judged;
  for (const Candidate& candidate : candidates) {
    if (candidate.seconds >= std::min(needed, kAlmost * longest)) {
      judged.push_back(candidate);
    } else {
      leave_out(candidate, fmt::format("lived for {} of the window, {} are needed",
                                       FormatSeconds(candidate.seconds), FormatSeconds(needed)));
    }
  }
  std::stable_sort(judged.begin(), judged.end(), [](const Candidate& a, const Candidate& b) {
    if (a.has_heap_dump != b.has_heap_dump) return a.has_heap_dump;
    return a.rise() > b.rise();
  });
  while (judged.size() > kMaxJudged) {
    leave_out(judged.back(),
              fmt::format("one of more than {} processes, its rss rose least", kMaxJudged));
    judged.pop_back();
  }
  for (const Candidate& candidate : judged) choice.judged.push_back(candidate.process);
  std::sort(choice.judged.begin(), choice.judged.end());
  if (choice.judged.empty()) choice.judged.push_back(analysis::MainProcess(recording));
  return choice;
}

}  // namespace memwhy::diagnose
