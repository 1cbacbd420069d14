// SPDX-License-Identifier: Apache-2.0
#include "diagnose/session_diagnosis.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <utility>

#include "analysis/heap/find_holders.h"
#include "analysis/main_process.h"
#include "analysis/merge_verdicts.h"
#include "analysis/process_role.h"
#include "analysis/verdict.h"
#include "base/bytes.h"
#include "base/strings.h"
#include "diagnose/experiments.h"
#include "diagnose/process_choice.h"
#include "model/heap/object_graph.h"
#include "model/ledger/build_ledger.h"
#include "model/sites/process_source.h"
#include "session/dump_file.h"

namespace memwhy::diagnose {
namespace {

constexpr double kRestShare = 0.25;  // of a window: so much more must be recorded to be heard
constexpr double kMinRest_s = 3;
constexpr double kWarmUpShare = 1.0 / 3;
constexpr double kTailShare = 0.1;
constexpr double kShortestTail_s = 1;
constexpr double kSameTime_s = 1;
constexpr double kTeardown_s = 1;  // of an interpreter, at least
constexpr double kRecently_s =
    10;                           // marks that end so shortly before the process belong to its end
constexpr double kFallen = 0.97;  // rss below this share of what it was: teardown has begun
constexpr double kLongEnoughToWork_s = 5;
constexpr double kUnjudgedShare = 0.5;  // of the window, by processes that were not judged
constexpr double kApart_s = 5;          // two dumps that are nearer tell no growth

model::WindowOptions WithTail(double from, double to) {
  model::WindowOptions options;
  options.from = std::min(from, to);
  options.to = to;
  const double tail_s = std::max(kShortestTail_s, kTailShare * (options.to - options.from));
  options.tail_from = std::max(options.from, options.to - tail_s);
  return options;
}

// When the process stopped working: an interpreter that ends releases everything, and a window that
// saw it would find nobody alive. A process that was killed has no such time.
double EndOfWork(const model::Recording& recording, double to) {
  const model::ProcessId main = analysis::MainProcess(recording);
  if (main.value >= recording.processes.size()) return to;
  const model::Process& process = recording.processes[main.value];
  if (!process.ended_at || *process.ended_at > to + kTeardown_s) return to;
  if (!StartsWith(process.ended, "exit:")) return to;
  const double end = std::min(to, *process.ended_at);
  for (auto mark = recording.marks.rbegin(); mark != recording.marks.rend(); ++mark) {
    if (mark->process != main || mark->time > end) continue;
    if (end - mark->time <= kRecently_s) return mark->time;
    break;
  }
  double last = end - kTeardown_s;
  Bytes most = 0;
  double time_of_most = last;
  for (const model::OsSample& sample : recording.os_samples) {
    if (sample.process != main || sample.time > end || sample.time < end - kRecently_s) continue;
    if (sample.rss >= most) time_of_most = sample.time;
    most = std::max(most, sample.rss);
    const bool has_fallen = static_cast<double>(sample.rss) < kFallen * static_cast<double>(most);
    if (has_fallen && sample.time <= last) last = std::min(last, time_of_most);
  }
  return std::max(0.0, last);
}

const model::MapsPass* NearestPass(const model::Recording& recording, model::ProcessId process,
                                   double time) {
  const model::MapsPass* nearest = nullptr;
  for (const model::MapsPass& pass : recording.maps) {
    if (pass.process != process) continue;
    if (nearest == nullptr || std::abs(pass.time - time) < std::abs(nearest->time - time)) {
      nearest = &pass;
    }
  }
  return nearest;
}

// The passes nearest to the window's ends.
Result<std::vector<model::Ledger>> LedgersOfWindow(const model::EventSource& source,
                                                   const model::WindowOptions& window,
                                                   model::WindowEnds* ends) {
  const model::Recording& recording = source.recording();
  const model::ProcessId process = analysis::MainProcess(recording);
  const model::MapsPass* start = NearestPass(recording, process, window.from);
  const model::MapsPass* end = NearestPass(recording, process, window.to);
  std::vector<model::Ledger> ledgers;
  for (const auto& [pass, at] : {std::pair(start, "start"), std::pair(end, "end")}) {
    if (pass == nullptr || (pass == start && at == std::string("end"))) continue;
    model::WindowEnd& of_window = at == std::string("start") ? ends->start : ends->end;
    of_window.pass = pass;
    MEMWHY_TRY(auto some, model::BuildLedgers(source, *pass, &of_window.malloc));
    for (model::Ledger& ledger : some) {
      ledger.at = at;
      ledgers.push_back(std::move(ledger));
    }
  }
  return ledgers;
}

struct Dump {
  double time = 0;
  model::ObjectGraph graph;
};

Result<model::ObjectGraph> LoadDump(const std::string& path) {
  MEMWHY_TRY(const std::unique_ptr<session::DumpFile> file, session::DumpFile::Open(path));
  MEMWHY_TRY_VOID(file->ReadFacts());
  return model::ObjectGraph::Load(*file, file->scan());
}

// The dump nearest to `time` that can be read, of those at least `apart_s` before `before`.
std::optional<Dump> LoadNearest(const model::Recording& recording, double time, double before,
                                double apart_s, std::string& why_not) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < recording.heap_dumps.size(); ++i) {
    const double taken = recording.heap_dump_times[i];
    if (taken <= before - apart_s) order.emplace_back(std::abs(taken - time), i);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [distance, i] : order) {
    auto graph = LoadDump(recording.heap_dumps[i]);
    if (graph) return Dump{recording.heap_dump_times[i], *std::move(graph)};
    why_not = graph.error().message();
  }
  return std::nullopt;
}

// For how long small objects had been recorded then.
double ObjectSeconds(const model::Recording& recording, model::ProcessId process, double time) {
  for (const model::ObjectPeriod& period : recording.object_periods) {
    const bool is_over = period.to && *period.to < time;
    if (period.process == process && period.from <= time && !is_over) return time - period.from;
  }
  return 0;
}

Result<std::optional<analysis::HolderReport>> Holders(const model::EventSource& source,
                                                      const model::WindowView& view) {
  const model::Recording& recording = source.recording();
  std::optional<analysis::HolderReport> none;
  std::string why_not;
  const auto last = LoadNearest(recording, view.options.to, INFINITY, 0, why_not);
  if (!last) {
    if (!why_not.empty()) none.emplace().why_not = why_not;
    return none;
  }
  const auto before = LoadNearest(recording, view.options.from, last->time, kApart_s, why_not);
  // Survivors are looked up in the dump, so they must be those of the time it was taken at.
  const bool is_at_end =
      std::abs(last->time - view.options.to) <= kSameTime_s || last->time > view.options.to;
  std::optional<model::WindowView> other;
  if (!is_at_end) {
    const double from =
        view.options.from < last->time - kApart_s ? view.options.from : kWarmUpShare * last->time;
    MEMWHY_TRY(other, model::BuildWindowView(source, WithTail(from, last->time)));
  }
  const model::ProcessId process = analysis::MainProcess(recording);
  MEMWHY_TRY(auto live,
             model::LiveBlocksAt(source, process, last->time, model::SmallObjects::kIncluded));
  const model::Births births(std::move(live));
  return std::optional(analysis::FindHolders(
      {before ? &before->graph : nullptr, &last->graph, before ? last->time - before->time : 0.0,
       process, other ? &*other : &view, &births, ObjectSeconds(recording, process, last->time)}));
}

}  // namespace

model::WindowOptions ChooseWindow(const model::Recording& recording, const Window& window) {
  const double end = recording.watched_to.value_or(recording.seconds);
  const double watched = std::min(window.to.value_or(end), recording.seconds);
  const double to = window.to ? watched : EndOfWork(recording, watched);
  const double from =
      window.from.value_or(recording.watched_from + kWarmUpShare * (to - recording.watched_from));
  // Of a folded part only sums are known.
  const double known = recording.folded ? recording.folded->until : 0;
  return WithTail(std::max(known, from), std::max(known, to));
}

std::string WhyNothingRecorded(const model::Recording& recording) {
  std::string why;
  for (const model::Process& process : recording.processes) {
    if (process.note.empty()) return "";
    if (why.empty()) why = process.note;
  }
  if (!why.empty()) return why;
  return recording.notes.empty() ? "no process was recorded" : recording.notes.front();
}

namespace {

Result<SessionDiagnosis> DiagnoseWindow(const model::EventSource& source, const Window& window) {
  SessionDiagnosis diagnosis;
  MEMWHY_TRY(diagnosis.view,
             model::BuildWindowView(source, ChooseWindow(source.recording(), window)));
  model::WindowEnds ends;
  MEMWHY_TRY(diagnosis.ledgers, LedgersOfWindow(source, diagnosis.view.options, &ends));
  MEMWHY_TRY(diagnosis.holders, Holders(source, diagnosis.view));
  diagnosis.verdict =
      analysis::Conclude(source.recording(), source.stacks(), diagnosis.view, diagnosis.ledgers,
                         diagnosis.holders ? &*diagnosis.holders : nullptr, &ends);
  return diagnosis;
}

// A window that ends before the recording may lie within a warm-up. Nobody is blamed for growth
// that the rest of the recording shows to have ended.
Result<void> HearTheRest(const model::EventSource& source, SessionDiagnosis& diagnosis) {
  const model::WindowOptions& asked = diagnosis.view.options;
  const double end = ChooseWindow(source.recording(), {}).to;
  const double rest = std::max(kMinRest_s, kRestShare * (asked.to - asked.from));
  if (!analysis::HasBlame(diagnosis.verdict) || end - asked.to < rest) return {};
  MEMWHY_TRY(const SessionDiagnosis whole, DiagnoseWindow(source, {asked.from, end}));
  analysis::Verdict& verdict = diagnosis.verdict;
  const bool has_ended = whole.verdict.word == analysis::VerdictWord::kPlateau ||
                         whole.verdict.word == analysis::VerdictWord::kStable;
  if (has_ended && !analysis::HasBlame(whole.verdict)) {
    verdict.word = analysis::VerdictWord::kPlateau;
    verdict.summary = fmt::format(
        "Memory rises in this window, but levels off before {} of the recording: a cache or a pool "
        "that fills. Nothing to blame.",
        FormatSeconds(end));
    verdict.findings.clear();
  }
  verdict.checks.push_back({"window.continues",
                            has_ended ? analysis::CheckResult::kPass : analysis::CheckResult::kFail,
                            fmt::format("from {} to {}: {}", FormatSeconds(asked.from),
                                        FormatSeconds(end), whole.verdict.live.why)});
  return {};
}

Result<SessionDiagnosis> DiagnoseOne(const model::EventSource& source, const Window& window) {
  MEMWHY_TRY(SessionDiagnosis diagnosis, DiagnoseWindow(source, window));
  MEMWHY_TRY_VOID(HearTheRest(source, diagnosis));
  MEMWHY_TRY(diagnosis.verdict.experiments, ReadExperiments(source, diagnosis.ledgers));
  analysis::JoinExperiments(&diagnosis.verdict);
  return diagnosis;
}

analysis::ProcessRow RowOf(const model::Recording& recording, const analysis::Verdict& verdict) {
  const model::Process& process = recording.processes[verdict.process.value];
  analysis::ProcessRow row;
  row.process = verdict.process;
  row.pid = process.pid;
  row.parent = process.parent;
  row.command = process.command;
  row.role = analysis::RoleOf(recording, verdict.process);
  row.word = verdict.word;
  row.why = verdict.missing;
  row.growth_bytes_per_second = verdict.growth_rate;
  row.from = verdict.window_from;
  row.to = verdict.window_to;
  const auto& dumps = recording.heap_dump_processes;
  row.has_heap_dump = std::find(dumps.begin(), dumps.end(), verdict.process) != dumps.end();
  for (const model::OsSample& sample : recording.os_samples) {
    if (sample.process != verdict.process || sample.time < row.from || sample.time > row.to) {
      continue;
    }
    if (!row.rss_start) row.rss_start = sample.rss;
    row.rss_end = sample.rss;
  }
  return row;
}

constexpr std::size_t kNamedUnjudged = 5;

analysis::Check ProcessesCheck(const std::vector<analysis::ProcessRow>& rows) {
  std::size_t growing = 0;
  std::size_t judged = 0;
  std::size_t left_out = 0;
  std::string unjudged;
  for (const analysis::ProcessRow& row : rows) {
    if (row.word && row.why.empty()) {
      ++judged;
      if (*row.word == analysis::VerdictWord::kGrowing) ++growing;
    } else {
      ++left_out;
      if (left_out <= kNamedUnjudged) unjudged += fmt::format("; PID {}: {}", row.pid, row.why);
    }
  }
  if (left_out > kNamedUnjudged) {
    unjudged += fmt::format("; and {} more", left_out - kNamedUnjudged);
  }
  return {"processes.judged",
          growing > 0 ? analysis::CheckResult::kFail : analysis::CheckResult::kPass,
          fmt::format("{} of {} Python processes judged, {} grow{}", judged, rows.size(), growing,
                      unjudged)};
}

// Workers that are replaced again and again can hide a growth. Nothing calm is said of a tree whose
// work was done by processes that nobody could judge.
void DoubtCalm(const std::vector<analysis::ProcessRow>& left_out, analysis::Verdict& verdict) {
  using analysis::VerdictWord;
  if (verdict.word != VerdictWord::kStable && verdict.word != VerdictWord::kPlateau) return;
  double seconds = 0;
  double longest = 0;
  for (const analysis::ProcessRow& row : left_out) {
    seconds += row.to - row.from;
    longest = std::max(longest, row.to - row.from);
  }
  const double window = verdict.window_to - verdict.window_from;
  if (longest < kLongEnoughToWork_s || seconds < kUnjudgedShare * window) return;
  verdict.word = VerdictWord::kInconclusive;
  verdict.summary = fmt::format(
      "Inconclusive: {} Python processes did not live long enough to be judged, the longest for "
      "{}. Those that did are calm. Have the workers live longer, or watch one of them.",
      left_out.size(), FormatSeconds(longest));
}

}  // namespace

Result<SessionDiagnosis> DiagnoseSession(const model::EventSource& source, const Window& window) {
  const model::Recording& recording = source.recording();
  if (analysis::PythonProcesses(recording).size() < 2) return DiagnoseOne(source, window);
  ProcessChoice choice = ChooseProcesses(recording, window);
  std::vector<SessionDiagnosis> all;
  std::vector<analysis::ProcessRow> rows;
  std::vector<analysis::Verdict> verdicts;
  for (const model::ProcessId process : choice.judged) {
    const model::ProcessSource one(source, process);
    MEMWHY_TRY(SessionDiagnosis diagnosis, DiagnoseOne(one, window));
    rows.push_back(RowOf(recording, diagnosis.verdict));
    verdicts.push_back(diagnosis.verdict);
    all.push_back(std::move(diagnosis));
  }
  analysis::Verdict verdict = analysis::MergeVerdicts(recording, std::move(verdicts));
  const auto lead = std::find_if(all.begin(), all.end(), [&](const SessionDiagnosis& one) {
    return one.verdict.process == verdict.process;
  });
  SessionDiagnosis diagnosis = std::move(*lead);
  // One that counts, beside helpers that were there for a moment: as if it were alone.
  if (all.size() > 1 || verdict.process != analysis::MainProcess(recording)) {
    diagnosis.verdict = std::move(verdict);
  }
  DoubtCalm(choice.left_out, diagnosis.verdict);
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.growth_bytes_per_second > b.growth_bytes_per_second;
  });
  std::move(choice.left_out.begin(), choice.left_out.end(), std::back_inserter(rows));
  diagnosis.verdict.checks.push_back(ProcessesCheck(rows));
  diagnosis.verdict.processes = std::move(rows);
  return diagnosis;
}

}  // namespace memwhy::diagnose
