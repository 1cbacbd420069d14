// SPDX-License-Identifier: Apache-2.0
//
// memwhy top: memory of processes while they run, on a terminal or as a line of JSON per look.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/growth_shape.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/output_file.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "monitor/live_ledger.h"
#include "monitor/look.h"
#include "monitor/terminal.h"
#include "monitor/top_json.h"
#include "monitor/top_screen.h"
#include "monitor/top_view.h"
#include "report/parts/session_json.h"

namespace memwhy::cli {
namespace {

struct TopOptions {
  std::vector<std::uint32_t> pids;
  bool tree = false;
  bool all = false;
  bool json = false;
  bool json_lines = false;
  std::optional<std::uint64_t> count;
  double interval = 1;
};

std::string ShapeOfTrack(const std::deque<monitor::TrackPoint>& track) {
  std::vector<analysis::ShapePoint> points;
  for (const monitor::TrackPoint& point : track) {
    points.push_back({point.time, static_cast<double>(point.bytes)});
  }
  const analysis::GrowthShape shape = analysis::ClassifyGrowth(points).shape;
  return shape == analysis::GrowthShape::kUnknown ? "" : analysis::GrowthShapeName(shape);
}

double Seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

// Looks at regular times; the ledger of one process at intervals that its cost allows.
class TopSource {
 public:
  explicit TopSource(const TopOptions& options)
      : looker_(&fs_, LookOptionsOf(options)),
        ledger_pid_(options.pids.size() == 1 && !options.tree
                        ? static_cast<pid_t>(options.pids.front())
                        : 0) {}

  Result<void> Refresh(monitor::TopView* view) {
    const double now = Seconds(clock_.MonotonicNs());
    MEMWHY_TRY(monitor::Look look, looker_.Take(now));
    if (ledger_pid_ != 0 && now >= next_ledger_) {
      auto ledger = monitor::LookAtProcess(fs_, ledger_pid_);
      const double cost = Seconds(clock_.MonotonicNs()) - now;
      next_ledger_ = now + std::max(kLedgerSeconds, cost * kLedgerShare);
      if (ledger && !ledger->ledgers.empty()) {
        view->AddLedger({now, ledger->ledgers.front()});
        why_no_ledger_.clear();
      } else if (!ledger) {
        why_no_ledger_ = ledger.error().message();
      }
    }
    if (look.missing.empty()) look.missing = why_no_ledger_;
    view->Add(std::move(look));
    return {};
  }

  void set_python_only(bool value) { looker_.set_python_only(value); }
  double wall_seconds() const { return Seconds(clock_.WallNs()); }
  double now() const { return Seconds(clock_.MonotonicNs()); }
  void Sleep(double seconds) {
    if (seconds > 0) clock_.SleepNs(static_cast<std::uint64_t>(seconds * 1e9));
  }

 private:
  static constexpr double kLedgerSeconds = 5;
  // One part in so many of a processor.
  static constexpr double kLedgerShare = 200;

  static monitor::LookOptions LookOptionsOf(const TopOptions& options) {
    monitor::LookOptions look;
    look.pids.assign(options.pids.begin(), options.pids.end());
    look.tree = options.tree;
    look.python_only = !options.all;
    return look;
  }

  RealFileSystem fs_;
  RealClock clock_;
  monitor::Looker looker_;
  pid_t ledger_pid_;
  double next_ledger_ = 0;
  std::string why_no_ledger_;
};

void PrintLook(const monitor::TopView& view, const TopSource& source) {
  PrintLine("{}", report::DumpJson(monitor::TopDocument(view, source.wall_seconds())));
  std::fflush(stdout);
}

int RunLines(TopSource& source, const TopOptions& options) {
  monitor::TopView view(ShapeOfTrack);
  const std::uint64_t count = options.json ? 1 : options.count.value_or(UINT64_MAX);
  double next = source.now();
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0) {
      // A look that took longer than the interval is not made up for.
      next = std::max(next + options.interval, source.now());
      source.Sleep(next - source.now());
    }
    const auto refreshed = source.Refresh(&view);
    if (!refreshed) {
      if (i == 0) return Fail(kExitEnvironment, refreshed.error().message());
      Warn("{}", refreshed.error().message());
      return kExitOk;
    }
    PrintLook(view, source);
  }
  return kExitOk;
}

std::string LocalTime(const char* format, double wall_seconds) {
  const std::time_t seconds = static_cast<std::time_t>(wall_seconds);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, format, &local);
  return {text, length};
}

void WriteSnapshot(monitor::TopView& view, const TopSource& source) {
  const std::string name = LocalTime("memwhy-top-%Y%m%d-%H%M%S.json", source.wall_seconds());
  const auto written = WriteOutputFile(
      name, report::DumpJson(monitor::TopDocument(view, source.wall_seconds())) + "\n");
  view.SnapshotDone(written ? "written: " + name : written.error().message());
}

int RunScreen(TopSource& source, const TopOptions& options) {
  monitor::TopView view;
  // Before the terminal is taken over: its errors belong on a plain one.
  if (const auto first = source.Refresh(&view); !first) {
    return Fail(kExitEnvironment, first.error().message());
  }
  std::string end;
  {
    auto terminal = monitor::Terminal::Open();
    if (!terminal) return Fail(kExitEnvironment, terminal.error().message());
    double next = source.now() + options.interval;
    std::uint64_t looks = 1;
    while (!view.wants_quit()) {
      const monitor::ScreenHead head{LocalTime("%H:%M:%S", source.wall_seconds()),
                                     options.interval};
      terminal->Show(monitor::DrawTop(view, head, terminal->width(), terminal->height()));
      if (options.count && looks >= *options.count) break;
      const double wait = std::max(0.0, next - source.now());
      if (const auto key = terminal->WaitKey(static_cast<int>(wait * 1000) + 1)) {
        view.Key(*key);
        source.set_python_only(!options.all && !view.wants_all());
        if (view.wants_snapshot()) WriteSnapshot(view, source);
      }
      if (source.now() < next) continue;
      next = std::max(next + options.interval, source.now());
      if (view.is_paused()) continue;
      const auto refreshed = source.Refresh(&view);
      if (!refreshed) {
        end = refreshed.error().message();
        break;
      }
      ++looks;
    }
  }
  if (!end.empty()) Warn("{}", end);
  return kExitOk;
}

int RunTop(const TopOptions& options) {
  if (options.interval < 0.1 || options.interval > 3600) {
    return Fail(kExitUsage, "--interval is from 0.1 to 3600 seconds");
  }
  for (const std::uint32_t pid : options.pids) {
    if (pid == 0 || pid > INT32_MAX) {
      return Fail(kExitUsage, fmt::format("{} is not a process id", pid));
    }
  }
  if (options.tree && options.pids.empty()) return Fail(kExitUsage, "--tree needs a PID");
  TopSource source(options);
  if (options.json || options.json_lines) return RunLines(source, options);
  return RunScreen(source, options);
}

void AddTopCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<TopOptions>();
  CLI::App* command =
      app.add_subcommand("top", "Memory of running processes: growth, layers, time to the limit");
  command->add_option("pid", options->pids,
                      "Processes; without any the largest Python processes of this machine");
  command->add_flag("--tree", options->tree, "With all descendants of the processes");
  command->add_flag("--all", options->all, "All programs, not only Python");
  command->add_option("--interval", options->interval, "Seconds between looks (default: 1)")
      ->type_name("S");
  command->add_option("--count", options->count, "End after so many looks")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command->add_flag("--json-lines", options->json_lines, "Print memwhy.top/1, one line per look");
  command->add_flag("--json", options->json, "Print memwhy.top/1 of one look");
  command->callback([options, exit_code] { *exit_code = RunTop(*options); });
}

const CommandRegistrar kTopRegistrar("top", AddTopCommand);

}  // namespace
}  // namespace memwhy::cli
