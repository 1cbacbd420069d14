// SPDX-License-Identifier: Apache-2.0
//
// memwhy perf: samples of Linux perf, with Python, Cython and C frames in one stack.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "analysis/perf_stacks.h"
#include "base/terminal_text.h"
#include "base/unique_fd.h"
#include "cli/cli.h"
#include "cli/feed_file.h"
#include "cli/number_option.h"
#include "cli/open_session.h"
#include "cli/view_options.h"
#include "readers/perf_script_reader.h"
#include "report/views/perf_view.h"

namespace memwhy::cli {
namespace {

struct PerfOptions {
  std::string script;
  std::size_t top = 20;
  bool json = false;
};

int RunPerf(const PerfOptions& options) {
  UniqueFd file;
  if (options.script != "-") {
    auto opened = OpenLog(options.script, "a text of perf script", "the output of: perf script");
    if (!opened) return Fail(kExitUsage, opened.error().message());
    file = *std::move(opened);
  }
  readers::PerfScriptReader reader;
  const auto fed = FeedFile(file ? file.get() : STDIN_FILENO, &reader);
  const model::PerfScript script = reader.Finish();
  if (script.samples == 0) {
    return Fail(fed ? kExitUsage : kExitEnvironment,
                fmt::format("{} has no sample of perf{}; write it so: perf record -F 99 "
                            "--call-graph dwarf python3.12 -X perf app.py; perf script > FILE",
                            options.script, fed ? "" : ": " + fed.error().message()));
  }
  const model::PerfProfile profile = analysis::MergePerfStacks(script);
  if (options.json) {
    report::Json document = report::PerfDocument(options.script, script, profile);
    document["damage"] = report::TextOrNull(fed ? "" : fed.error().message());
    PrintLine("{}", report::DumpJson(document));
  } else {
    PrintOut(report::PerfText(options.script, script, profile, options.top));
  }
  if (!fed) {
    return Fail(kExitEnvironment, fmt::format("{} was read up to line {} only: {}", options.script,
                                              script.lines, fed.error().message()));
  }
  return kExitOk;
}

void AddPerfCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<PerfOptions>();
  CLI::App* command =
      app.add_subcommand("perf", "Samples of Linux perf by Python, Cython and C function");
  command->add_option("--script", options->script, "What `perf script` printed, - for stdin")
      ->type_name("FILE")
      ->required();
  command->add_option("--top", options->top, "Functions shown (default: 20)")
      ->check(WholeNumber())
      ->type_name("N");
  command->add_flag("--json", options->json, "Print memwhy.perf/1");
  command->footer(
      "Record with CPython 3.12 or newer, which names its functions for perf:\n"
      "  perf record -F 99 --call-graph dwarf python3.12 -X perf app.py\n"
      "  perf script | memwhy perf --script -");
  command->callback([options, exit_code] { *exit_code = RunPerf(*options); });
}

const CommandRegistrar kPerfRegistrar("perf", AddPerfCommand);

}  // namespace
}  // namespace memwhy::cli
