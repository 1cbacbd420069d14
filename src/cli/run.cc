// SPDX-License-Identifier: Apache-2.0
//
// memwhy run: records a program and passes its exit status through.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/default_session.h"
#include "recorder/launcher.h"
#include "recorder/runner.h"
#include "recorder/say.h"

namespace memwhy::cli {
namespace {

struct RunOptions {
  std::string session;
  std::string follow = "all";
  bool is_native = false;
  bool has_objects = false;
  bool redacts = false;
  bool is_aggregate = false;
  std::string sample;
  std::string keep;
  std::string max_size;
};

std::optional<int> RefuseUnbuilt(const RunOptions& options) {
  if (!options.sample.empty()) return NotBuiltYet("--sample", "sampling");
  return std::nullopt;
}

constexpr Bytes kMinMaxSize = 1u << 20;

Result<recorder::FoldPolicy> PolicyOf(const RunOptions& options) {
  recorder::FoldPolicy policy;
  policy.is_aggregating = options.is_aggregate;
  if (!options.keep.empty()) {
    const auto keep = ParseDuration(options.keep);
    if (!keep) return Error("--keep: " + keep.error().message());
    if (*keep < 1) return Error("--keep: at least 1s");
    policy.keep_seconds = *keep;
  }
  if (!options.max_size.empty()) {
    const auto size = ParseBytes(options.max_size);
    if (!size) return Error("--max-size: " + size.error().message());
    if (*size < kMinMaxSize) {
      return Error("--max-size: at least " + FormatBytes(kMinMaxSize));
    }
    policy.max_bytes = *size;
  }
  return policy;
}

// Ends this process as the program ended, so that a shell sees the same.
int EndLike(const recorder::ExitStatus& status) {
  if (!status.is_signal) return status.number;
  std::fflush(nullptr);
  prctl(PR_SET_DUMPABLE, 0);  // the program's core file is not written over by ours
  signal(status.number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, status.number);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  raise(status.number);
  return 128 + status.number;
}

int RunRun(const RunOptions& options) {
  if (ProgramArguments().empty()) {
    return Fail(kExitUsage, "run needs a program: memwhy run [OPTIONS] -- PROGRAM ARGS...");
  }
  if (const auto refused = RefuseUnbuilt(options)) return *refused;
  auto policy = PolicyOf(options);
  if (!policy) return Fail(kExitUsage, policy.error().message());
  recorder::RunOptions run;
  run.fold = *std::move(policy);
  run.session = options.session.empty() ? DefaultSession() : options.session;
  run.argv = ProgramArguments();
  run.follow = options.follow;
  run.has_objects = options.has_objects;
  run.is_native = options.is_native;
  if (options.is_native) {
    if (const std::string why = recorder::WhyNoNative(); !why.empty()) {
      return Fail(kExitEnvironment, why);
    }
  }
  run.redacts = options.redacts;
  auto runner = recorder::Runner::Start(std::move(run));
  if (!runner) {
    return Fail(kExitEnvironment, runner.error().message() + "; the program was not run");
  }
  static_cast<void>((*runner)->RunUntil(std::numeric_limits<double>::infinity()).has_value());
  const auto status = (*runner)->Finish(recorder::Runner::StopTarget::kLetRun);
  if (!status) return Fail(kExitEnvironment, status.error().message());
  if (const std::string trouble = (*runner)->Trouble(); !trouble.empty()) {
    recorder::Say("recording is incomplete: " + trouble);
  }
  if (const std::string unseen = (*runner)->Unseen(); !unseen.empty()) {
    recorder::Say("recording is incomplete: " + unseen);
  }
  recorder::Say("session " + (options.session.empty() ? (*runner)->session() : options.session));
  runner->reset();
  return EndLike(*status);
}

void AddRunCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Record a program: memwhy run [-o S] -- PROGRAM");
  command->add_option("-o,--output", options->session, "Session directory to make (NAME.mwy)")
      ->type_name("SESSION");
  command
      ->add_option("--follow", options->follow,
                   "Which CPython processes are recorded: the first one (none), also those that it "
                   "forks (fork), or also those that any of them executes (all)")
      ->check(CLI::IsMember({"none", "fork", "all"}))
      ->capture_default_str();
  command->add_flag("--native", options->is_native, "Record the frames of C code, too");
  command->add_flag("--objects", options->has_objects,
                    "Record every Python object, small ones too (slow)");
  command->add_flag("--redact", options->redacts,
                    "Replace keys, names of threads and arguments by tokens before they are "
                    "written: <str:7f3a09bc>, the same for the same text");
  command
      ->add_option("--sample", options->sample,
                   "Record one block for every BYTES bytes (not built yet)")
      ->type_name("BYTES");
  command->add_flag("--aggregate", options->is_aggregate,
                    "Keep sums per stack instead of events, so that the session does not grow with "
                    "time (events of the newest MB or two stay)");
  command
      ->add_option(
          "--keep", options->keep,
          "Keep the events of at least the last TIME (30m, 2h); older ones become sums per "
          "stack")
      ->type_name("TIME");
  command
      ->add_option("--max-size", options->max_size,
                   "Maximum size of the session (500M, 2G); before it is reached, the older events "
                   "become sums per stack")
      ->type_name("SIZE");
  command->footer(
      "The program follows after --. Exit status: the program's own; 2 usage, 3 the\n"
      "environment cannot record and the program was not run. Processes that outlive\n"
      "the program by more than a second go on without being recorded.");
  command->callback([options, exit_code] { *exit_code = RunRun(*options); });
}

const CommandRegistrar kRunRegistrar("run", AddRunCommand);

}  // namespace
}  // namespace memwhy::cli
