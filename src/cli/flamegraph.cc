// SPDX-License-Identifier: Apache-2.0
//
// memwhy flamegraph: the call tree of a session as one HTML file, or as JSON.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/output_file.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/open_session.h"
#include "cli/show_option.h"
#include "model/sites/call_tree.h"
#include "model/sites/stats.h"
#include "report/views/flamegraph_html.h"

namespace memwhy::cli {
namespace {

struct FlamegraphOptions {
  std::string session;
  std::string output;
  std::string from;
  std::string to;
  std::string show = "live";
  bool json = false;
};

// "a/b.mwy/" gives "a/b.mwy.flamegraph.html".
std::string DefaultOutput(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path + ".flamegraph.html";
}

Result<report::Json> BuildDocument(const session::Session& session, const TimeRange& range,
                                   const std::string& show_name) {
  const report::Show show = ShowNames().at(show_name);
  MEMWHY_TRY(const model::Stats stats, model::ComputeStats(session, {range.from, range.to}));
  std::unordered_map<model::StackId, model::StackAmount> by_stack;
  for (const model::SiteStats& site : stats.sites) {
    model::StackAmount& amount = by_stack[site.key.stack];
    amount.stack = site.key.stack;
    amount.value += report::AmountOf(site, show);
  }
  // What was live when the range began; at a session's start nothing was.
  const bool has_baseline = show == report::Show::kLive && range.from > 0;
  if (has_baseline) {
    MEMWHY_TRY(const model::Stats before, model::ComputeStats(session, {range.from, range.from}));
    for (const model::SiteStats& site : before.sites) {
      model::StackAmount& amount = by_stack[site.key.stack];
      amount.stack = site.key.stack;
      amount.baseline += site.live;
    }
  }
  std::vector<model::StackAmount> amounts;
  for (const auto& [stack, amount] : by_stack) {
    if (amount.value.blocks > 0 || amount.baseline.blocks > 0) amounts.push_back(amount);
  }
  std::sort(amounts.begin(), amounts.end(),
            [](const auto& a, const auto& b) { return a.stack < b.stack; });
  const model::CallTree tree =
      model::Prune(model::BuildCallTree(session.stacks(), amounts), report::kMinFlamegraphShare);
  return report::FlamegraphJson(
      {session.recording(), session.stacks(), tree, stats.from, stats.to, show_name, has_baseline});
}

int RunFlamegraph(const FlamegraphOptions& options) {
  const auto range = ParseTimeRange(options.from, options.to);
  if (!range) return Fail(kExitUsage, range.error().message());
  const auto session = OpenSession(options.session);
  if (!session) return Fail(kExitUsage, session.error().message());
  const auto document = BuildDocument(**session, *range, options.show);
  if (!document) return Fail(kExitEnvironment, document.error().message());
  if (options.json) {
    PrintLine("{}", report::DumpJson(*document));
    if (options.output.empty()) return kExitOk;
  }
  const std::string output =
      options.output.empty() ? DefaultOutput(options.session) : options.output;
  const auto written = WriteOutputFile(output, report::FlamegraphHtml(*document));
  if (!written) return Fail(kExitEnvironment, written.error().message());
  if (!options.json) PrintLine("{}", output);
  return kExitOk;
}

void AddFlamegraphCommand(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<FlamegraphOptions>();
  CLI::App* command = app.add_subcommand("flamegraph", "Allocations by caller, as one HTML file");
  command->add_option("session", options->session, "A session directory")->required();
  command->add_option("-o,--output", options->output,
                      "The file (default: SESSION.flamegraph.html)");
  command->add_option("--from", options->from, "Start of the range: 30, 5m (default: 0)");
  command->add_option("--to", options->to, "End of the range (default: the session's end)");
  AddShowOption(command, options->show);
  command->add_flag("--json", options->json, "Print memwhy.flamegraph/1");
  command->callback([=] { *exit_code = RunFlamegraph(*options); });
}

const CommandRegistrar kFlamegraphRegistrar("flamegraph", AddFlamegraphCommand);

}  // namespace
}  // namespace memwhy::cli
