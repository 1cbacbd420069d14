// SPDX-License-Identifier: Apache-2.0
//
// memwhy diagnose: why a program grows, with the proof. Records a program, or replays a session.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/experiment.h"
#include "analysis/prediction_check.h"
#include "analysis/suppressions.h"
#include "analysis/verdict.h"
#include "base/bytes.h"
#include "base/file_system.h"
#include "base/output_file.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/default_session.h"
#include "cli/number_option.h"
#include "cli/open_session.h"
#include "cli/report_page.h"
#include "cli/stdout_for_json.h"
#include "diagnose/live_diagnosis.h"
#include "diagnose/session_diagnosis.h"
#include "recorder/launcher.h"
#include "report/verdict/findings_json.h"
#include "report/verdict/prediction_view.h"
#include "report/verdict/verdict_text.h"

namespace memwhy::cli {
namespace {

constexpr const char* kStdout = "-";

struct DiagnoseOptions {
  std::string session;  // to replay
  std::string output;   // to make
  std::string seconds;
  std::string json;  // a file, "-", or "" without --json
  std::string html;
  std::string from;
  std::string to;
  std::string later;          // a session
  std::string interventions;  // as given: gc,trim
  bool confirms = false;
  std::string suppressions;                     // a file
  std::vector<analysis::Suppression> accepted;  // what is in it
  std::string objects;                          // how long; "" the default
  std::optional<int> pid;
  bool is_deep = false;
  bool is_native = false;
  bool redacts = false;
  double max_pause_ms = 2000;
  bool prints_json() const { return json == kStdout; }
};

constexpr std::array<std::string_view, 4> kInterventions = {"gc", "trim", "empty_cache",
                                                            "dynamo_reset"};

Result<std::vector<std::string>> ParseInterventions(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string_view name : Split(text, ',')) {
    if (std::find(kInterventions.begin(), kInterventions.end(), name) == kInterventions.end()) {
      return Error::Of("unknown \"{}\": gc, trim, empty_cache and dynamo_reset can be tried", name);
    }
    names.emplace_back(name);
  }
  return names;
}

int PrintDiagnose(const session::Session& session, const diagnose::SessionDiagnosis& diagnosis,
                  const DiagnoseOptions& options) {
  const model::Recording& recording = session.recording();
  if (!options.json.empty()) {
    const std::string document =
        report::DumpJson(report::FindingsJson(recording, diagnosis.verdict, diagnosis.ledgers)) +
        "\n";
    if (options.prints_json()) {
      PrintLines(stdout, document);
    } else if (auto written = WriteOutputFile(options.json, document); !written) {
      return Fail(kExitEnvironment, written.error().message());
    }
  }
  if (!options.html.empty()) {
    if (auto written = WriteReport(session, diagnosis, options.html); !written) {
      return Fail(kExitEnvironment, written.error().message());
    }
    Warn("report {}", options.html);
  }
  if (!options.prints_json()) {
    PrintLines(stdout, report::VerdictText(recording, diagnosis.verdict, diagnosis.ledgers));
  }
  return analysis::ExitCode(diagnosis.verdict);
}

Result<std::vector<analysis::Suppression>> ReadSuppressions(const std::string& path) {
  const RealFileSystem fs;
  MEMWHY_TRY(const std::string text, fs.ReadSmall(path));
  return analysis::ParseSuppressions(text, path);
}

int Conclude(const std::string& path, const diagnose::Window& window,
             const DiagnoseOptions& options) {
  const auto session = OpenSession(path);
  if (!session) return Fail(kExitUsage, session.error().message());
  if (const std::string why = WhyNoVerdict((*session)->recording()); !why.empty()) {
    return Fail(kExitEnvironment, why);
  }
  auto diagnosis = diagnose::DiagnoseSession(**session, window);
  if (!diagnosis) return Fail(kExitEnvironment, diagnosis.error().message());
  if (options.confirms) analysis::SayWhyUnconfirmed(&diagnosis->verdict);
  analysis::Suppress(options.accepted, &diagnosis->verdict);
  return PrintDiagnose(**session, *diagnosis, options);
}

struct Opened {
  std::unique_ptr<session::Session> session;
  analysis::Verdict verdict;
};

Result<Opened> OpenAndJudge(const std::string& path, const diagnose::Window& window) {
  Opened opened;
  MEMWHY_TRY(opened.session, OpenSession(path));
  if (const std::string why = WhyNoVerdict(opened.session->recording()); !why.empty()) {
    return Error(path + ": " + why);
  }
  MEMWHY_TRY(diagnose::SessionDiagnosis diagnosis,
             diagnose::DiagnoseSession(*opened.session, window));
  opened.verdict = std::move(diagnosis.verdict);
  return opened;
}

int CheckPrediction(const DiagnoseOptions& options, const diagnose::Window& window) {
  if (!IsDirectory(options.later)) {
    return Fail(kExitUsage, "--check-prediction: " + options.later +
                                " is no session: give the directory NAME.mwy of the later run");
  }
  const auto before = OpenAndJudge(options.session, window);
  if (!before) return Fail(kExitEnvironment, before.error().message());
  const auto later = OpenAndJudge(options.later, {});
  if (!later) return Fail(kExitEnvironment, later.error().message());
  const auto checks = analysis::CheckPredictions(before->verdict, later->verdict);
  if (!options.json.empty()) {
    const std::string document =
        report::DumpJson(report::PredictionsJson(before->session->recording(),
                                                 later->session->recording(), checks)) +
        "\n";
    if (options.prints_json()) {
      PrintLines(stdout, document);
    } else if (auto written = WriteOutputFile(options.json, document); !written) {
      return Fail(kExitEnvironment, written.error().message());
    }
  }
  if (!options.prints_json()) PrintLines(stdout, report::PredictionsText(checks));
  return analysis::ExitCode(checks);
}

int RunLive(const DiagnoseOptions& options, diagnose::LiveOptions live,
            const diagnose::Window& window) {
  live.argv = ProgramArguments();
  live.session = options.output.empty() ? DefaultSession() : options.output;
  live.confirms = options.confirms;
  live.max_pause_ms = options.max_pause_ms;
  live.redacts = options.redacts;
  if (options.is_native) {
    if (const std::string why = recorder::WhyNoNative(); !why.empty()) {
      return Fail(kExitEnvironment, why);
    }
  }
  live.is_native = options.is_native;
  live.say = [](std::string_view line) { Warn("{}", line); };
  const auto outcome = [&] {
    const StdoutForJson redirect(options.prints_json());
    return diagnose::RecordForDiagnosis(live);
  }();
  if (!outcome) return Fail(kExitEnvironment, outcome.error().message());
  Warn("session {}", options.output.empty() ? outcome->session : options.output);
  return Conclude(outcome->session, window, options);
}

int RunDiagnose(DiagnoseOptions options) {
  // "--json SESSION": the option's value is optional, so it takes the session for its file.
  if (options.session.empty() && ProgramArguments().empty() && !options.pid &&
      IsDirectory(options.json)) {
    options.session = options.json;
    options.json = kStdout;
  }
  const auto range = ParseTimeRange(options.from, options.to);
  if (!range) return Fail(kExitUsage, range.error().message());
  if (!options.suppressions.empty()) {
    auto accepted = ReadSuppressions(options.suppressions);
    if (!accepted) return Fail(kExitUsage, "--suppressions: " + accepted.error().message());
    options.accepted = *std::move(accepted);
  }
  diagnose::Window window;
  if (!options.from.empty()) window.from = range->from;
  window.to = range->to;
  std::optional<double> seconds;
  if (!options.seconds.empty()) {
    const auto parsed = ParseDuration(options.seconds);
    if (!parsed) return Fail(kExitUsage, "--for: " + parsed.error().message());
    if (*parsed <= 0) return Fail(kExitUsage, "--for must be more than 0");
    seconds = *parsed;
  }
  const int subjects = static_cast<int>(!options.session.empty()) +
                       static_cast<int>(!ProgramArguments().empty()) +
                       static_cast<int>(options.pid.has_value());
  if (subjects != 1) {
    return Fail(kExitUsage,
                "diagnose needs one subject: -- PROGRAM ARGS..., --pid PID, or SESSION");
  }
  if (options.pid) return NotBuiltYet("--pid", "attaching to a live process");
  if (options.is_deep) return NotBuiltYet("--deep", "the record of every Python object");
  diagnose::LiveOptions live;
  live.seconds = seconds;
  if (!options.interventions.empty()) {
    auto names = ParseInterventions(options.interventions);
    if (!names) return Fail(kExitUsage, "--try: " + names.error().message());
    live.interventions = *std::move(names);
  }
  if (!options.interventions.empty() || options.confirms) {
    const char* const option = options.confirms ? "--confirm" : "--try";
    if (!options.session.empty()) {
      return Fail(kExitUsage, fmt::format("{} is for a program that runs: memwhy diagnose {} --for "
                                          "30 -- PROGRAM",
                                          option, option));
    }
    if (!seconds) {
      return Fail(kExitUsage,
                  fmt::format("{} needs --for TIME: it is done when the watch is over", option));
    }
  }
  if (!options.later.empty()) {
    if (options.session.empty() || seconds || !options.html.empty()) {
      return Fail(kExitUsage,
                  "--check-prediction compares two sessions: memwhy diagnose SESSION "
                  "--check-prediction LATER, as text or with --json");
    }
    return CheckPrediction(options, window);
  }
  if (!options.session.empty()) {
    if (seconds) return Fail(kExitUsage, "--for is for a program; a session takes --from and --to");
    if (options.is_native) {
      return Fail(kExitUsage,
                  "--native is for a program that runs; what a session has of C frames "
                  "is used without it");
    }
    return Conclude(options.session, window, options);
  }
  if (!options.objects.empty()) {
    const auto parsed = ParseDuration(options.objects);
    if (!parsed) return Fail(kExitUsage, "--objects: " + parsed.error().message());
    live.object_seconds = *parsed;
  }
  return RunLive(options, std::move(live), window);
}

void AddDiagnoseCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<DiagnoseOptions>();
  CLI::App* command = app.add_subcommand(
      "diagnose", "Say why a program's memory grows: memwhy diagnose [OPTIONS] -- PROGRAM");
  command->add_option("session", options->session, "A recorded session, instead of a program");
  command
      ->add_option(
          "--for", options->seconds,
          "Stop the program after TIME (60, 5m) by SIGTERM, 10 s later by SIGKILL (default: "
          "watch until it ends)")
      ->type_name("TIME");
  CLI::Option* json =
      command
          ->add_option_function<std::string>(
              "--json",
              [options](const std::string& file) { options->json = file.empty() ? kStdout : file; },
              "Write memwhy.findings/1 to FILE; without FILE to stdout, and no text")
          ->type_name("[FILE]")
          ->expected(0, 1);
  json->trigger_on_parse();
  command->add_option("--html", options->html, "Write the verdict as one HTML file")
      ->type_name("FILE");
  command->add_option("-o,--output", options->output, "Session directory to make (NAME.mwy)")
      ->type_name("SESSION");
  command->add_option("--from", options->from, "Start of the window (default: after the warm-up)");
  command->add_option("--to", options->to, "End of the window (default: the end)");
  command
      ->add_option("--max-pause", options->max_pause_ms,
                   "Refuse a heap dump, or what --try does, with a longer predicted pause")
      ->type_name("MS")
      ->check(NotNegative())
      ->capture_default_str();
  command
      ->add_option(
          "--objects", options->objects,
          "How long small Python objects are recorded before the last heap dump (default: a "
          "tenth of --for, 2 to 5 s; without --for 5 s before each; 0: not at all)")
      ->type_name("TIME");
  command
      ->add_option("--suppressions", options->suppressions,
                   "Blame nobody for findings that FILE accepts, each with a reason: lines such as "
                   "py.container_growth holder=\"app.CACHE\" reason=\"2 million users at most\"")
      ->type_name("FILE");
  command->add_flag("--native", options->is_native,
                    "Record the frames of C code, too: findings name library and function");
  command->add_flag("--redact", options->redacts,
                    "Replace keys, names of threads and arguments by tokens before they are "
                    "written: <str:7f3a09bc>, the same for the same text");
  command->add_option("--pid", options->pid, "A live process (not built yet)")
      ->check(WholeNumber(1, INT32_MAX));
  command->add_flag("--deep", options->is_deep, "Record every Python object (not built yet)");
  command
      ->add_option("--try", options->interventions,
                   "When the watch is over, do this to the program and say what it gives back, "
                   "layer by layer: gc, trim, empty_cache, dynamo_reset, or several (gc,trim). "
                   "Its cost is predicted first; --max-pause refuses it, too")
      ->type_name("LIST");
  command->add_flag(
      "--confirm", options->confirms,
      "Likewise, the experiment that decides whether the first finding is true; where "
      "there is none, say why");
  command
      ->add_option("--check-prediction", options->later,
                   "Hold what SESSION's findings predict against LATER, a session of the same "
                   "program recorded after it")
      ->type_name("LATER");
  command->footer(
      "Exit status: 0 nothing to blame, 1 a finding blames something, 2 usage, 3 the\n"
      "environment cannot do it, 4 inconclusive.");
  command->callback([options, exit_code] { *exit_code = RunDiagnose(*options); });
}

const CommandRegistrar kDiagnoseRegistrar("diagnose", AddDiagnoseCommand);

}  // namespace
}  // namespace memwhy::cli
