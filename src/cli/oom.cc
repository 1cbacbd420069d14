// SPDX-License-Identifier: Apache-2.0
//
// memwhy oom: who was killed for lack of memory, by whom and why.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/terminal_text.h"
#include "base/unique_fd.h"
#include "cli/cli.h"
#include "cli/feed_file.h"
#include "cli/number_option.h"
#include "cli/open_session.h"
#include "cli/view_options.h"
#include "os/cgroup.h"
#include "os/kernel_log.h"
#include "readers/oom_log_reader.h"
#include "report/oom/oom_json.h"
#include "report/oom/oom_text.h"

namespace memwhy::cli {
namespace {

struct OomOptions {
  std::string log;
  std::string cgroup;
  bool json = false;
  std::size_t top = 10;
};

int RunOom(const OomOptions& options) {
  std::optional<model::OomCounters> counters;
  if (!options.cgroup.empty()) {
    auto read = os::ReadOomCounters(RealFileSystem(), options.cgroup);
    if (!read) return Fail(kExitEnvironment, "cgroup: " + read.error().message());
    counters = *std::move(read);
  }
  readers::OomLogReader reader;
  std::string source = options.log;
  std::string damage;
  if (options.log.empty()) {
    auto log = os::ReadKernelLog([&](std::string_view text) { reader.Feed(text); });
    const std::string advice =
        "; run as root, or give a file: journalctl -b -o short-iso | memwhy oom --log -";
    if (!log && !counters) {
      return Fail(kExitEnvironment,
                  "the kernel's log cannot be read: " + log.error().message() + advice);
    }
    if (log) {
      source = log->name;
      if (log->has_gap) Warn("older records of {} were overwritten", log->name);
    } else {
      Warn("the kernel's log cannot be read: {}{}; only the cgroup's counters follow",
           log.error().message(), advice);
    }
  } else {
    UniqueFd file;
    if (options.log != "-") {
      auto opened = OpenLog(options.log, "a log", "a file with the kernel's messages");
      if (!opened) return Fail(kExitUsage, opened.error().message());
      file = *std::move(opened);
    }
    const auto fed = FeedFile(file ? file.get() : STDIN_FILENO, &reader);
    if (!fed) damage = fed.error().message();
  }
  const model::OomLog log = reader.Finish();
  if (options.json) {
    report::Json document = report::OomDocument(source, log, counters);
    document["damage"] = report::TextOrNull(damage);
    PrintLine("{}", report::DumpJson(document));
  } else {
    PrintOut(report::OomText(source, log, counters, options.top));
  }
  if (!damage.empty()) {
    return Fail(kExitEnvironment, fmt::format("log {} was read up to line {} only: {}", options.log,
                                              log.lines, damage));
  }
  return kExitOk;
}

void AddOomCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<OomOptions>();
  CLI::App* command = app.add_subcommand("oom", "Who was killed for lack of memory, and why");
  command
      ->add_option("--log", options->log,
                   "A kernel log or journal as text, - for stdin (default: this machine's)")
      ->type_name("FILE");
  command->add_option("--cgroup", options->cgroup, "Also the counters of this memory cgroup")
      ->type_name("DIR");
  command->add_option("--top", options->top, "Other processes shown of each kill (default: 10)")
      ->check(WholeNumber())
      ->type_name("N");
  command->add_flag("--json", options->json, "Print memwhy.oom/1");
  command->callback([options, exit_code] { *exit_code = RunOom(*options); });
}

const CommandRegistrar kOomRegistrar("oom", AddOomCommand);

}  // namespace
}  // namespace memwhy::cli
