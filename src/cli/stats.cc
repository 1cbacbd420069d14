// SPDX-License-Identifier: Apache-2.0
//
// memwhy stats: bytes by allocation site.
#include <CLI/CLI.hpp>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/number_option.h"
#include "cli/open_session.h"
#include "cli/show_option.h"
#include "model/sites/stats.h"
#include "report/views/size_histogram.h"
#include "report/views/stats_json.h"
#include "report/views/stats_text.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kSitesInText = 10;

struct StatsOptions {
  std::string session;
  std::string from;
  std::string to;
  std::string show = "live";
  std::optional<std::size_t> top;
  bool has_histogram = false;
  bool json = false;
};

int RunStats(const StatsOptions& options) {
  const auto range = ParseTimeRange(options.from, options.to);
  if (!range) return Fail(kExitUsage, range.error().message());
  const auto session = OpenSession(options.session);
  if (!session) return Fail(kExitUsage, session.error().message());
  auto stats = model::ComputeStats(**session, {range->from, range->to});
  if (!stats) return Fail(kExitEnvironment, stats.error().message());
  const report::Show show = ShowNames().at(options.show);
  report::SortSites(*stats, show);
  const auto print = [](std::string_view text) { PrintLines(stdout, text); };
  if (options.json) {
    report::WriteStatsJson((*session)->recording(), (*session)->stacks(), *stats,
                           options.top.value_or(SIZE_MAX), print);
  } else {
    print(report::StatsText((*session)->recording(), (*session)->stacks(), *stats, show,
                            options.top.value_or(kSitesInText)));
    if (options.has_histogram) print(report::SizeHistogramText(*stats));
  }
  return kExitOk;
}

void AddStatsCommand(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<StatsOptions>();
  CLI::App* command =
      app.add_subcommand("stats", "Bytes and blocks by site: thread, allocator, stack");
  command->add_option("session", options->session, "A session directory")->required();
  command->add_option("--from", options->from, "Start of the range: 30, 5m (default: 0)");
  command->add_option("--to", options->to, "End of the range (default: the session's end)");
  AddShowOption(command, options->show);
  command->add_option("--top", options->top, "Sites shown (default: 10, with --json all)")
      ->check(WholeNumber());
  command->add_flag("--histogram", options->has_histogram,
                    "Also the number of blocks by size (with --json always)");
  command->add_flag("--json", options->json, "Print memwhy.stats/1");
  command->callback([=] { *exit_code = RunStats(*options); });
}

const CommandRegistrar kStatsRegistrar("stats", AddStatsCommand);

}  // namespace
}  // namespace memwhy::cli
