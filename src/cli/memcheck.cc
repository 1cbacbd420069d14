// SPDX-License-Identifier: Apache-2.0
//
// memwhy memcheck: mistakes with memory below Python, by valgrind.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/output_file.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/number_option.h"
#include "cli/stdout_for_json.h"
#include "diagnose/memcheck_run.h"
#include "recorder/redact/redact.h"
#include "report/verdict/memcheck_json.h"
#include "report/verdict/memcheck_text.h"

namespace memwhy::cli {
namespace {

struct MemcheckOptions {
  std::string output;
  std::size_t top = 20;
  bool json = false;
};

// The folder of the run's files: made anew, removed in the end unless the user named it.
class RunFolder {
 public:
  static Result<RunFolder> Make(const std::string& wanted) {
    RunFolder folder;
    if (!wanted.empty()) {
      const auto made = CreateDirectory(wanted);
      if (!made) return made.error();
      folder.path_ = std::filesystem::absolute(wanted).string();
      if (!std::filesystem::is_empty(folder.path_)) {
        return Error::Of("{} is not empty; choose another folder for -o", wanted);
      }
      folder.is_kept_ = true;
      return folder;
    }
    const char* place = std::getenv("TMPDIR");
    std::string path =
        JoinPath(place == nullptr || *place == '\0' ? "/tmp" : place, "memwhy-memcheck-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) return Error::FromErrno(errno, "mkdtemp " + path);
    folder.path_ = std::move(path);
    return folder;
  }
  RunFolder(RunFolder&& other) noexcept
      : path_(std::exchange(other.path_, "")), is_kept_(other.is_kept_) {}
  RunFolder& operator=(RunFolder&&) = delete;
  ~RunFolder() {
    std::error_code ignored;
    if (!is_kept_ && !path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  RunFolder() = default;
  std::string path_;
  bool is_kept_ = false;
};

model::Recording RecordingOf(const diagnose::MemcheckOutcome& outcome,
                             const analysis::MemcheckVerdict& verdict) {
  model::Recording recording;
  recording.command = recorder::RedactCommand(ProgramArguments());
  recording.started = outcome.started;
  recording.mode = "memcheck";
  recording.seconds = outcome.seconds;
  recording.ended = outcome.ended;
  recording.complete = verdict.is_complete;
  for (const analysis::MemcheckProcess& one : outcome.processes) {
    model::Process process;
    process.pid = one.run.pid;
    process.parent = one.run.parent;
    process.python = one.stubs.version;
    recording.processes.push_back(std::move(process));
  }
  return recording;
}

int RunMemcheck(const MemcheckOptions& options) {
  if (ProgramArguments().empty()) {
    return Fail(kExitUsage, "memcheck needs a program: memwhy memcheck -- PROGRAM ARGS...");
  }
  auto folder = RunFolder::Make(options.output);
  if (!folder) return Fail(kExitUsage, folder.error().message());
  Result<diagnose::MemcheckOutcome> outcome = [&] {
    const StdoutForJson program_prints_elsewhere(options.json);
    return diagnose::RunMemcheck({.argv = ProgramArguments(), .folder = folder->path()});
  }();
  if (!outcome) return Fail(kExitEnvironment, outcome.error().message());
  if (outcome->processes.empty()) {
    return Fail(kExitEnvironment,
                fmt::format("the program ended ({}) and no CPython was seen in it: it is started "
                            "without its environment, or linked statically",
                            outcome->ended));
  }
  const analysis::MemcheckVerdict verdict =
      analysis::JudgeMemcheck(outcome->processes, outcome->baseline);
  if (options.json) {
    PrintLine("{}",
              report::DumpJson(report::MemcheckJson(RecordingOf(*outcome, verdict), verdict)));
  } else {
    PrintLines(stdout, report::MemcheckText(verdict, options.top));
  }
  if (verdict.blamed > 0) return kExitFinding;
  return verdict.is_complete ? kExitOk : kExitInconclusive;
}

void AddMemcheckCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<MemcheckOptions>();
  CLI::App* command = app.add_subcommand(
      "memcheck", "Mistakes with memory below Python, by valgrind: memcheck -- PROGRAM");
  command->add_option("-o,--output", options->output, "Keep the files of valgrind in a new folder")
      ->type_name("DIR");
  command->add_option("--top", options->top, "Findings, and frames of each stack (default: 20)")
      ->check(WholeNumber())
      ->type_name("N");
  command->add_flag("--json", options->json, "Print memwhy.findings/1");
  command->footer(
      "The program follows after --. It runs 20 to 100 times slower. Exit status: 0 no\n"
      "mistake seen, 1 findings, 2 usage, 3 valgrind is missing or no CPython was seen,\n"
      "4 no mistake seen, but the program was not looked at to its end.");
  command->callback([options, exit_code] { *exit_code = RunMemcheck(*options); });
}

const CommandRegistrar kMemcheckRegistrar("memcheck", AddMemcheckCommand);

}  // namespace
}  // namespace memwhy::cli
