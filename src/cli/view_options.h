// SPDX-License-Identifier: Apache-2.0
//
// What the commands table, tree and diff share: their options, and the one roll-up of a session's
// sites by --show that they all print.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/open_session.h"
#include "model/sites/event_source.h"
#include "model/sites/site_amounts.h"
#include "report/views/view_json.h"

namespace memwhy::cli {

struct ViewOptions {
  std::string from;
  std::string to;
  std::string show = "live";
  std::optional<std::size_t> top;
  bool json = false;
};
// `top_help` says what --top counts.
void AddViewOptions(CLI::App* command, ViewOptions& options, const char* top_help,
                    const char* schema);

const std::map<std::string, model::GroupBy>& GroupNames();

struct View {
  double from = 0;
  double to = 0;
  report::Show show = report::Show::kLive;
  model::Amount value;  // the totals of memwhy.stats/1
  model::Amount baseline;
  bool has_baseline = false;             // live, of a range that begins later than the session
  std::vector<model::SiteAmount> sites;  // that have a value or a baseline
};
Result<View> ComputeView(const model::EventSource& source, const TimeRange& range,
                         report::Show show);

report::ViewHead HeadOf(const View& view, const model::Recording& recording,
                        const model::StackTree& stacks);

void PrintOut(std::string_view text);

}  // namespace memwhy::cli
