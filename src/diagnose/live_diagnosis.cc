// SPDX-License-Identifier: Apache-2.0
#include "diagnose/live_diagnosis.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/experiment.h"
#include "analysis/verdict.h"
#include "base/bytes.h"
#include "diagnose/native_blocks.h"
#include "diagnose/process_growth.h"
#include "diagnose/session_diagnosis.h"
#include "recorder/runner.h"
#include "session/reader.h"

namespace memwhy::diagnose {
namespace {

using recorder::Runner;

constexpr double kProgress_s = 5;
constexpr double kPoll_s = 0.05;
constexpr double kNote_s = 0.5;          // between two looks at how processes grow
constexpr std::size_t kMaxDumped = 4;    // processes, of those that grow most
constexpr double kFirstDump_s = 10;      // without a deadline; then at twice the time each
constexpr double kWaitForPython_s = 30;  // at least, before nobody is there to watch
// How long small objects are recorded before the last heap dump.
constexpr double kObjectShare = 0.1;  // of the window
constexpr double kMinObjects_s = 2;
constexpr double kMaxObjects_s = 5;
constexpr double kObjectsWithoutEnd_s = 5;
constexpr double kMinPeriod_s = 0.5;  // less is not worth its two requests
constexpr double kMaxLate_s = 10;     // of the dump: then they are recorded no longer
constexpr double kForever = std::numeric_limits<double>::infinity();

class Watch {
 public:
  Watch(Runner& runner, const LiveOptions& options) : runner_(runner), options_(options) {}

  // False when the program ended or the user interrupted.
  Result<bool> Until(double time) {
    while (true) {
      const double next = std::min({time, next_progress_, next_note_});
      MEMWHY_TRY(const Runner::Stop stop, runner_.RunUntil(next));
      is_interrupted_ = is_interrupted_ || stop == Runner::Stop::kInterrupted;
      if (stop != Runner::Stop::kDeadline) return false;
      if (runner_.Elapsed() >= next_note_) Note();
      if (runner_.Elapsed() >= next_progress_) Progress();
      if (runner_.Elapsed() >= time) return true;
    }
  }

  // Waits for a Python that is recorded. False: there is none.
  Result<bool> UntilPython(double limit) {
    while (!runner_.IsRecording()) {
      if (runner_.Elapsed() >= limit) return false;
      MEMWHY_TRY(const bool goes_on, Until(runner_.Elapsed() + kPoll_s));
      if (!goes_on) return runner_.IsRecording();
    }
    return true;
  }

  // Of the processes that have grown since then small objects are recorded until EndObjects,
  // `seconds` from here on. What goes wrong is said and costs the lines of the objects, not the
  // diagnosis.
  Result<void> BeginObjects(double seconds, double since) {
    if (seconds < kMinPeriod_s) return {};
    options_.say(fmt::format(
        "small objects are recorded for {:.0f} s: the program is slower meanwhile", seconds));
    for (const recorder::RecordedProcess& process : Chosen(since)) {
      if (auto begun = runner_.BeginObjects(process.process); !begun) {
        MEMWHY_TRY_VOID(Say(fmt::format("small objects of PID {} are not recorded: {}", process.pid,
                                        begun.error().message())));
      } else {
        objects_until_ = runner_.Elapsed() + seconds + kMaxLate_s;
      }
    }
    return {};
  }
  Result<void> EndObjects() {
    if (!objects_until_) return {};
    objects_until_.reset();
    auto ended = runner_.EndObjects();
    return ended ? Result<void>() : Say("small objects: " + ended.error().message());
  }

  // Heap dumps of now, of the processes that have grown since then. What goes wrong is said and
  // costs the holder, not the diagnosis. `proves`: with the search of memory that tells a lost
  // reference from one that C code has.
  Result<void> TakeHeapDumps(double since, bool proves) {
    const std::size_t growing = growth_.CountGrowing(since);
    if (growing > kMaxDumped) {
      options_.say(fmt::format("{} processes grow: heap dumps are taken of the {} that grow most",
                               growing, kMaxDumped));
    }
    for (const recorder::RecordedProcess& process : Chosen(since)) {
      MEMWHY_TRY(const bool goes_on, TakeHeapDump(process, proves));
      if (!goes_on) break;
    }
    return {};
  }

  // False when the program ended or the user interrupted.
  Result<bool> TakeHeapDump(const recorder::RecordedProcess& process, bool proves) {
    const std::string of =
        runner_.Processes().size() > 1 ? fmt::format(" of PID {}", process.pid) : std::string();
    if (auto flushed = runner_.Flush(); !flushed) {
      options_.say(flushed.error().message());
      return true;
    }
    std::string trouble;
    auto reading = std::async(
        std::launch::async, [session = runner_.session(), &trouble, number = process.process] {
          auto read = ReadNativeBlocks(session, number);
          if (!read) trouble = read.error().message();
          return read ? *std::move(read) : std::vector<recorder::NativeBlock>();
        });
    MEMWHY_TRY(const bool goes_on, RecordUntilReady(reading));
    if (!goes_on) return false;
    const std::vector<recorder::NativeBlock> blocks = reading.get();
    if (!trouble.empty()) options_.say("native memory is not followed: " + trouble);
    const auto outcome = runner_.TakeHeapDump(
        process.process, blocks, proves, options_.max_pause_ms,
        [&](const recorder::HeapReply& predicted) {
          options_.say(
              fmt::format("heap dump{}: pause: about {:.1f} ms; memory meanwhile: about {}", of,
                          predicted.predicted_ms, FormatBytes(predicted.predicted_bytes)));
        });
    if (outcome && !blocks.empty() && !outcome->followed_blocks) {
      options_.say("native memory is not followed: its list of live blocks could not be used");
    }
    options_.say(outcome
                     ? fmt::format("heap dump{}: predicted pause {:.1f} ms, measured {:.1f} ms; "
                                   "{:.2f} s in all",
                                   of, outcome->predicted_ms, outcome->pause_ms, outcome->seconds)
                     : fmt::format("no heap dump{}: {}", of, outcome.error().message()));
    return true;
  }

  // Does `what` to the processes that have grown since then. What goes wrong is said, and the
  // session notes it.
  Result<void> Intervene(const std::string& what, double since) {
    for (const recorder::RecordedProcess& process : Chosen(since)) {
      const std::string name = fmt::format("{} in PID {}", what, process.pid);
      const auto outcome = runner_.Intervene(
          process.process, what, options_.max_pause_ms,
          [&](const recorder::InterventionOutcome& predicted) {
            options_.say(fmt::format("{}: pause: at most about {:.0f} ms; {}", name,
                                     std::ceil(predicted.predicted_ms), predicted.answer));
          });
      options_.say(outcome ? fmt::format("{}: done in {:.1f} ms: {}", name, outcome->pause_ms,
                                         outcome->answer)
                           : fmt::format("{}: not done: {}", name, outcome.error().message()));
    }
    return {};
  }

  // The experiment that decides whether the first finding is true; "" none. The session is judged
  // for it while the program goes on.
  Result<std::string> Decisive() {
    if (auto flushed = runner_.Flush(); !flushed) return flushed.error();
    options_.say("what is known so far is judged, to choose the experiment that decides");
    auto reading = std::async(std::launch::async,
                              [session = runner_.session()]() { return DecisiveFor(session); });
    MEMWHY_TRY(const bool goes_on, RecordUntilReady(reading));
    auto decisive = reading.get();
    if (!goes_on) return std::string();
    return decisive;
  }

  Result<void> Say(const std::string& line) {
    options_.say(line);
    return {};
  }

  bool is_interrupted() const { return is_interrupted_; }
  void set_end(double end) { end_ = end; }

 private:
  static Result<std::string> DecisiveFor(const std::string& path) {
    MEMWHY_TRY(const std::unique_ptr<session::Session> session, session::Session::Open(path));
    MEMWHY_TRY(const SessionDiagnosis diagnosis, DiagnoseSession(*session, {}));
    const auto& findings = diagnosis.verdict.findings;
    if (findings.empty() || !analysis::HasBlame(diagnosis.verdict)) return std::string();
    return analysis::DecisiveFor(findings.front()).what;
  }

  // Goes on recording until another thread has read; false when the program ended meanwhile.
  template <typename T>
  Result<bool> RecordUntilReady(std::future<T>& reading) {
    bool goes_on = true;
    while (reading.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      if (objects_until_ && runner_.Elapsed() > *objects_until_) {
        MEMWHY_TRY_VOID(Say("small objects are recorded no longer: the heap dump comes too late"));
        MEMWHY_TRY_VOID(EndObjects());
      }
      if (goes_on) {
        MEMWHY_TRY(goes_on, Until(runner_.Elapsed() + kPoll_s));
      } else {
        reading.wait();
      }
    }
    return goes_on;
  }

  void Note() {
    growth_.Note(runner_.Elapsed(), runner_.Processes());
    next_note_ = runner_.Elapsed() + kNote_s;
  }

  std::vector<recorder::RecordedProcess> Chosen(double since) {
    Note();
    return growth_.Growing(since, kMaxDumped);
  }

  void Progress() {
    const double elapsed = runner_.Elapsed();
    next_progress_ = (std::floor(elapsed / kProgress_s) + 1) * kProgress_s;
    const std::vector<recorder::RecordedProcess> processes = runner_.Processes();
    Bytes rss = 0;
    for (const recorder::RecordedProcess& process : processes) rss += process.rss;
    std::string line = fmt::format("{:.0f} s", elapsed);
    if (end_ && elapsed >= *end_) {
      line += ", the watch is over, its last heap dumps are being taken";
    } else if (end_) {
      line += fmt::format(" of {:.0f} s", *end_);
    }
    if (processes.empty()) {
      line += ", no Python is recorded yet";
    } else {
      line += ", rss " + (rss > 0 ? FormatBytes(rss) : std::string("unknown"));
      if (processes.size() > 1) line += fmt::format(" in {} processes", processes.size());
    }
    options_.say(line);
  }

  Runner& runner_;
  const LiveOptions& options_;
  ProcessGrowth growth_;
  std::optional<double> end_;  // of the watch
  double next_progress_ = kProgress_s;
  double next_note_ = 0;
  bool is_interrupted_ = false;
  std::optional<double> objects_until_;  // at the latest, while they are recorded
};

// `began`: when Python started.
Result<void> WatchFor(Watch& watch, Runner& runner, double began, const LiveOptions& options) {
  const double seconds = *options.seconds;
  const double objects = options.object_seconds.value_or(
      std::clamp(kObjectShare * seconds, kMinObjects_s, kMaxObjects_s));
  const double end = began + seconds;
  watch.set_end(end);
  static_cast<void>(runner.SetWindow(began, end).has_value());
  const double middle = began + seconds / 3;
  MEMWHY_TRY(bool goes_on, watch.Until(middle));
  if (!goes_on) return {};
  static_cast<void>(runner.MapsPass("").has_value());
  // What a start-up takes is taken by then.
  MEMWHY_TRY_VOID(watch.TakeHeapDumps(began + seconds / 6, false));
  MEMWHY_TRY(goes_on, watch.Until(end - objects));
  if (!goes_on) return {};
  MEMWHY_TRY_VOID(watch.BeginObjects(std::min(objects, end - runner.Elapsed()), middle));
  MEMWHY_TRY(goes_on, watch.Until(end));
  if (!goes_on) return {};
  static_cast<void>(runner.MapsPass("end").has_value());
  MEMWHY_TRY_VOID(watch.TakeHeapDumps(middle, true));
  MEMWHY_TRY_VOID(watch.EndObjects());
  std::vector<std::string> interventions = options.interventions;
  if (options.confirms && !watch.is_interrupted()) {
    auto decisive = watch.Decisive();
    if (!decisive) {
      MEMWHY_TRY_VOID(watch.Say("no experiment is chosen: " + decisive.error().message()));
    } else if (!decisive->empty()) {
      interventions.insert(interventions.begin(), *decisive);
    }
  }
  for (auto one = interventions.begin(); one != interventions.end(); ++one) {
    if (watch.is_interrupted()) break;
    if (std::find(interventions.begin(), one, *one) != one) continue;
    MEMWHY_TRY_VOID(watch.Intervene(*one, middle));
  }
  return {};
}

Result<void> WatchToTheEnd(Watch& watch, Runner& runner, double began, double objects) {
  static_cast<void>(runner.SetWindow(began, std::nullopt).has_value());
  for (double at = kFirstDump_s;; at *= 2) {
    MEMWHY_TRY(bool goes_on, watch.Until(began + at - objects));
    if (!goes_on) return {};
    const double since = began + at / 2;
    MEMWHY_TRY_VOID(watch.BeginObjects(std::min(objects, began + at - runner.Elapsed()), since));
    MEMWHY_TRY(goes_on, watch.Until(began + at));
    if (!goes_on) return {};
    static_cast<void>(runner.MapsPass("").has_value());
    MEMWHY_TRY_VOID(watch.TakeHeapDumps(since, true));
    MEMWHY_TRY_VOID(watch.EndObjects());
  }
}

}  // namespace

Result<LiveOutcome> RecordForDiagnosis(const LiveOptions& options) {
  recorder::RunOptions run;
  run.session = options.session;
  run.argv = options.argv;
  run.follow = "all";
  run.redacts = options.redacts;
  run.is_native = options.is_native;
  run.signals_interrupt = true;
  run.keeps_stdout = true;
  MEMWHY_TRY(const std::unique_ptr<Runner> runner, Runner::Start(std::move(run)));
  Watch watch(*runner, options);
  MEMWHY_TRY(
      const bool has_python,
      watch.UntilPython(options.seconds ? std::max(kWaitForPython_s, *options.seconds) : kForever));
  if (has_python) {
    const double began = runner->Elapsed();
    auto watched = options.seconds
                       ? WatchFor(watch, *runner, began, options)
                       : WatchToTheEnd(watch, *runner, began,
                                       options.object_seconds.value_or(kObjectsWithoutEnd_s));
    if (!watched) return watched.error();
  }
  LiveOutcome outcome{runner->session(), runner->Trouble()};
  if (options.seconds || watch.is_interrupted()) {
    options.say("time is up: the program gets SIGTERM");
  }
  MEMWHY_TRY(const recorder::ExitStatus status, runner->Finish(Runner::StopTarget::kTerminate));
  options.say("the program ended: " + status.ended);
  return outcome;
}

}  // namespace memwhy::diagnose
