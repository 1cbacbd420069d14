// SPDX-License-Identifier: Apache-2.0
#include "cli/view_options.h"

#include <cstdio>
#include <string_view>
#include <unordered_map>

#include "base/terminal_text.h"
#include "cli/number_option.h"
#include "cli/show_option.h"
#include "model/sites/stats.h"

namespace memwhy::cli {

void AddViewOptions(CLI::App* command, ViewOptions& options, const char* top_help,
                    const char* schema) {
  command->add_option("--from", options.from, "Start of the range: 30, 5m (default: 0)");
  command->add_option("--to", options.to, "End of the range (default: the session's end)");
  AddShowOption(command, options.show);
  command->add_option("--top", options.top, top_help)->check(WholeNumber());
  command->add_flag("--json", options.json, std::string("Print ") + schema);
}

const std::map<std::string, model::GroupBy>& GroupNames() {
  static const std::map<std::string, model::GroupBy> names = {
      {"stack", model::GroupBy::kStack},
      {"module", model::GroupBy::kModule},
      {"thread", model::GroupBy::kThread},
      {"process", model::GroupBy::kProcess}};
  return names;
}

Result<View> ComputeView(const model::EventSource& source, const TimeRange& range,
                         report::Show show) {
  MEMWHY_TRY(const model::Stats stats, model::ComputeStats(source, {range.from, range.to}));
  View view;
  view.from = stats.from;
  view.to = stats.to;
  view.show = show;
  view.value = report::TotalOf(stats, show);
  for (const model::SiteStats& site : stats.sites) {
    view.sites.push_back({site.key, report::AmountOf(site, show), {}});
  }
  // What was live when the range began; at a session's start nothing was.
  view.has_baseline = show == report::Show::kLive && range.from > 0;
  if (view.has_baseline) {
    MEMWHY_TRY(const model::Stats before, model::ComputeStats(source, {range.from, range.from}));
    view.baseline = before.live;
    for (const model::SiteStats& site : before.sites) {
      view.sites.push_back({site.key, {}, site.live});
    }
  }
  std::erase_if(view.sites, [](const model::SiteAmount& site) {
    return site.value == model::Amount{} && site.baseline == model::Amount{};
  });
  return view;
}

report::ViewHead HeadOf(const View& view, const model::Recording& recording,
                        const model::StackTree& stacks) {
  return {recording, stacks,     view.from,     view.to,
          view.show, view.value, view.baseline, view.has_baseline};
}

void PrintOut(std::string_view text) { PrintLines(stdout, text); }

}  // namespace memwhy::cli
