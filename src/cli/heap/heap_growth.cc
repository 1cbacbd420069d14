// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap growth: what grows in a live process, counted several times, without dumps.
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/heap/heap_growth.h"
#include "base/bytes.h"
#include "base/file_system.h"
#include "base/terminal_text.h"
#include "base/unique_fd.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/heap_target.h"
#include "cli/number_option.h"
#include "cli/view_options.h"
#include "recorder/dump/heap_census.h"
#include "report/heap/heap_growth.h"
#include "wire/clock.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapGrowthRowsInText = 12;
constexpr std::size_t kMaxRounds = 10'000;

struct HeapGrowthOptions {
  HeapTarget target;
  std::string every = "30s";
  std::size_t rounds = 5;
  std::string dump;
  bool json = false;
  std::optional<std::size_t> top;
};

volatile sig_atomic_t g_is_interrupted = 0;

void OnInterrupt(int) { g_is_interrupted = 1; }

// The first Ctrl-C ends the counting, the second one the command.
void CatchInterrupt() {
  struct sigaction action{};
  action.sa_handler = &OnInterrupt;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
}

double Now() { return static_cast<double>(wire::MonotonicNs()) * 1e-9; }

// Rounds of one process, and why they ended.
class Rounds {
 public:
  Rounds(const HeapGrowthOptions& options, double every)
      : options_(options),
        every_(every),
        process_(static_cast<int>(syscall(SYS_pidfd_open, options.target.pid, 0))) {}

  // An error: there is no census at all.
  Result<void> Take() {
    const double began = Now();
    for (std::size_t i = 0; i < options_.rounds; ++i) {
      if (i != 0 && !WaitUntil(began + every_ * static_cast<double>(i))) return {};
      const double at = i == 0 ? 0 : Now() - began;
      const HeapTarget& target = options_.target;
      auto taken = recorder::TakeHeapCensus(
          fs_, target.DumpOptions(),
          i == 0 ? target.Announcement(" each time") : recorder::OnPrediction());
      if (!taken) {
        if (i == 0) return taken.error();
        view.has_ended = HasEnded();
        view.stopped = view.has_ended ? "the process ended" : taken.error().message();
        return {};
      }
      Add(at, *std::move(taken));
    }
    return {};
  }

  report::HeapGrowthView view;
  std::vector<model::TypeCensus> censuses;

 private:
  // False: the process has ended or somebody does not want to wait, as view.stopped says.
  bool WaitUntil(double moment) {
    while (g_is_interrupted == 0) {
      const double left = moment - Now();
      pollfd process{process_ ? process_.get() : -1, POLLIN, 0};
      if (poll(&process, 1, left > 0 ? static_cast<int>(std::min(left, 3600.0) * 1e3) + 1 : 0) >
          0) {
        view.has_ended = true;
        view.stopped = "the process ended";
        return false;
      }
      if (g_is_interrupted == 0 && Now() >= moment) return true;
    }
    view.stopped = "interrupted";
    return false;
  }

  bool HasEnded() const {
    if (!process_) return kill(options_.target.pid, 0) != 0;
    pollfd process{process_.get(), POLLIN, 0};
    return poll(&process, 1, 0) > 0;
  }

  void Add(double at, recorder::HeapCensus taken) {
    const recorder::HeapDumpOutcome& outcome = taken.outcome;
    const model::TypeCensus& census = taken.census;
    view.rounds.push_back({at, census.objects, census.bytes, census.skipped, outcome.method,
                           outcome.predicted_ms, outcome.pause_ms, outcome.seconds,
                           outcome.raw_bytes});
    Warn("round {} of {}: pause {:.1f} ms, {} objects, {}, done after {:.2f} s", view.rounds.size(),
         options_.rounds, outcome.pause_ms, FormatCount(census.objects), FormatBytes(census.bytes),
         outcome.seconds);
    censuses.push_back(std::move(taken.census));
  }

  RealFileSystem fs_;
  const HeapGrowthOptions& options_;
  double every_;
  UniqueFd process_;
};

// One dump at the end, of what grows.
void TakeDump(const HeapGrowthOptions& options, Rounds& rounds) {
  report::HeapGrowthView& view = rounds.view;
  if (!report::Grows(view.growth)) {
    view.no_dump = "nothing grew";
  } else if (view.has_ended) {
    view.no_dump = "the process ended";
  } else {
    recorder::HeapDumpOptions dump = options.target.DumpOptions();
    dump.output = options.dump;
    const auto outcome = recorder::TakeHeapDump(RealFileSystem(), dump);
    if (outcome) {
      view.dump = options.dump;
      Warn("dump: pause {:.1f} ms, {}, done after {:.2f} s", outcome->pause_ms,
           FormatBytes(static_cast<Bytes>(outcome->file_bytes)), outcome->seconds);
    } else {
      view.no_dump = outcome.error().message();
    }
  }
}

int RunHeapGrowth(const HeapGrowthOptions& options) {
  const auto every = ParseDuration(options.every);
  if (!every) return Fail(kExitUsage, "--every: " + every.error().message());
  CatchInterrupt();
  Rounds rounds(options, *every);
  report::HeapGrowthView& view = rounds.view;
  view.pid = options.target.pid;
  view.every_seconds = *every;
  view.planned = options.rounds;
  const auto taken = rounds.Take();
  if (!taken) return Fail(kExitEnvironment, taken.error().message());
  if (rounds.censuses.size() < 2) {
    return Fail(kExitEnvironment,
                fmt::format("{} after one round; growth needs two or more", view.stopped));
  }
  view.growth = analysis::FindTypeGrowth(rounds.censuses);
  if (!options.dump.empty()) TakeDump(options, rounds);
  if (options.json) {
    report::WriteHeapGrowthJson(view, options.top.value_or(SIZE_MAX), PrintOut);
  } else {
    PrintOut(report::HeapGrowthText(view, options.top.value_or(kHeapGrowthRowsInText)));
  }
  return kExitOk;
}

void AddGrowth(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapGrowthOptions>();
  CLI::App* command = heap.add_subcommand(
      "growth", "Which types grow in a live process, and what refers to them; writes no dump");
  options->target.AddOptions(*command);
  command
      ->add_option("--every", options->every, "Time between two counts: 30s, 5m, 1h (default 30s)")
      ->type_name("TIME");
  command->add_option("--rounds", options->rounds, "Number of counts (default 5)")
      ->type_name("N")
      ->check(WholeNumber(2, kMaxRounds));
  command->add_option("--dump", options->dump, "Write a heap dump at the end if something grew")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "Print memwhy.heap.growth/1");
  command->add_option("--top", options->top, "Types and pairs shown (default: 12, with --json all)")
      ->type_name("N")
      ->check(WholeNumber());
  command->callback([=] { *exit_code = RunHeapGrowth(*options); });
}

const HeapCommandRegistrar kHeapGrowthRegistrar(1, AddGrowth);

}  // namespace
}  // namespace memwhy::cli
