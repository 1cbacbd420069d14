// SPDX-License-Identifier: Apache-2.0
//
// memwhy tree: a session's call tree, from the callers or from the leaves.
#include <CLI/CLI.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "cli/cli.h"
#include "cli/show_option.h"
#include "cli/view_options.h"
#include "model/sites/call_tree.h"
#include "model/sites/largest_nodes.h"
#include "report/views/view_json.h"
#include "report/views/view_text.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kNodesInText = 30;

struct TreeOptions {
  std::string session;
  bool is_inverted = false;
  ViewOptions view;
};

int RunTree(const TreeOptions& options) {
  const auto range = ParseTimeRange(options.view.from, options.view.to);
  if (!range) return Fail(kExitUsage, range.error().message());
  const auto session = OpenSession(options.session);
  if (!session) return Fail(kExitUsage, session.error().message());
  const auto view = ComputeView(**session, *range, ShowNames().at(options.view.show));
  if (!view) return Fail(kExitEnvironment, view.error().message());

  auto amounts = model::SumByStack(view->sites);
  model::InvertedStacks inverted;
  if (options.is_inverted) inverted = model::Invert((*session)->stacks(), amounts);
  const auto& stacks = options.is_inverted ? inverted.stacks : (*session)->stacks();
  if (options.is_inverted) amounts = std::move(inverted.amounts);
  const std::size_t top = options.view.top.value_or(options.view.json ? SIZE_MAX : kNodesInText);
  const model::CallTree tree = model::KeepLargest(model::BuildCallTree(stacks, amounts), top);
  const auto head = HeadOf(*view, (*session)->recording(), stacks);
  if (options.view.json) {
    PrintOut(report::DumpJson(report::TreeJson(head, tree, options.is_inverted)) + "\n");
  } else {
    PrintOut(report::TreeText(head, tree, options.is_inverted));
  }
  return kExitOk;
}

void AddTreeCommand(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<TreeOptions>();
  CLI::App* command = app.add_subcommand("tree", "Memory by caller, as a tree");
  command->add_option("session", options->session, "A session directory")->required();
  command->add_flag("--inverted", options->is_inverted,
                    "Begin with the allocating functions; their callers below them");
  AddViewOptions(command, options->view, "Nodes shown (default: 30, with --json all)",
                 "memwhy.tree/1");
  command->callback([=] { *exit_code = RunTree(*options); });
}

const CommandRegistrar kTreeRegistrar("tree", AddTreeCommand);

}  // namespace
}  // namespace memwhy::cli
