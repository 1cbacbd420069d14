// SPDX-License-Identifier: Apache-2.0
//
// memwhy table: a session's memory by stack, module, thread or process.
#include <CLI/CLI.hpp>

#include <cstdint>
#include <memory>
#include <string>

#include "cli/cli.h"
#include "cli/show_option.h"
#include "cli/view_options.h"
#include "report/views/view_json.h"
#include "report/views/view_text.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kTableRowsInText = 20;

struct TableOptions {
  std::string session;
  std::string by = "stack";
  ViewOptions view;
};

int RunTable(const TableOptions& options) {
  const auto range = ParseTimeRange(options.view.from, options.view.to);
  if (!range) return Fail(kExitUsage, range.error().message());
  const auto session = OpenSession(options.session);
  if (!session) return Fail(kExitUsage, session.error().message());
  const auto view = ComputeView(**session, *range, ShowNames().at(options.view.show));
  if (!view) return Fail(kExitEnvironment, view.error().message());
  const auto& stacks = (*session)->stacks();
  const model::GroupBy by = GroupNames().at(options.by);
  const auto groups = model::GroupSites(stacks, view->sites, by);
  const auto head = HeadOf(*view, (*session)->recording(), stacks);
  if (options.view.json) {
    report::WriteTableJson(head, groups, by, options.view.top.value_or(SIZE_MAX), PrintOut);
  } else {
    PrintOut(report::TableText(head, groups, by, options.view.top.value_or(kTableRowsInText)));
  }
  return kExitOk;
}

void AddTableCommand(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<TableOptions>();
  CLI::App* command = app.add_subcommand("table", "Memory by stack, module, thread or process");
  command->add_option("session", options->session, "A session directory")->required();
  command
      ->add_option("--by", options->by, "stack, module (of the innermost frame), thread, process")
      ->check(CLI::IsMember(GroupNames()))
      ->default_str("stack");
  AddViewOptions(command, options->view, "Rows shown (default: 20, with --json all)",
                 "memwhy.table/1");
  command->callback([=] { *exit_code = RunTable(*options); });
}

const CommandRegistrar kTableRegistrar("table", AddTableCommand);

}  // namespace
}  // namespace memwhy::cli
