// SPDX-License-Identifier: Apache-2.0
//
// memwhy diff: what changed between two recordings.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <cstdint>
#include <memory>
#include <string>

#include "analysis/session_diff.h"
#include "base/output_file.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/show_option.h"
#include "cli/view_options.h"
#include "model/sites/call_tree.h"
#include "report/views/diff_view.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kDiffRowsInText = 15;
constexpr std::size_t kRowsInPage = 500;

struct DiffOptions {
  std::string baseline;
  std::string candidate;
  std::string output;
  std::string by = "stack";
  ViewOptions view;
};

int RunDiff(const DiffOptions& options) {
  const auto range = ParseTimeRange(options.view.from, options.view.to);
  if (!range) return Fail(kExitUsage, range.error().message());
  const auto before = OpenSession(options.baseline);
  if (!before) return Fail(kExitUsage, before.error().message());
  const auto after = OpenSession(options.candidate);
  if (!after) return Fail(kExitUsage, after.error().message());
  const report::Show show = ShowNames().at(options.view.show);
  const auto baseline = ComputeView(**before, *range, show);
  if (!baseline) return Fail(kExitEnvironment, baseline.error().message());
  const auto candidate = ComputeView(**after, *range, show);
  if (!candidate) return Fail(kExitEnvironment, candidate.error().message());

  const analysis::SessionDiff diff = analysis::DiffSessions(
      {(*before)->recording(), (*before)->stacks(), baseline->sites, baseline->from, baseline->to},
      {(*after)->recording(), (*after)->stacks(), candidate->sites, candidate->from,
       candidate->to});
  for (const analysis::DiffWarning& warning : diff.warnings) {
    Warn("not comparable: {}", warning.text);
  }
  const model::GroupBy by = GroupNames().at(options.by);
  report::DiffView view{{(*before)->recording(), baseline->from, baseline->to, baseline->value},
                        {(*after)->recording(), candidate->from, candidate->to, candidate->value},
                        diff,
                        by,
                        show,
                        model::GroupSites(diff.stacks, diff.sites, by),
                        model::BuildCallTree(diff.stacks, model::SumByStack(diff.sites))};
  report::SortByChange(view.groups);

  if (!options.output.empty()) {
    const auto written = WriteOutputFile(
        options.output, report::DiffHtml(view, options.view.top.value_or(kRowsInPage)));
    if (!written) return Fail(kExitEnvironment, written.error().message());
  }
  if (options.view.json) {
    report::WriteDiffJson(view, options.view.top.value_or(SIZE_MAX), PrintOut);
  } else if (options.output.empty()) {
    PrintOut(report::DiffText(view, options.view.top.value_or(kDiffRowsInText)));
  } else {
    PrintLine("{}", options.output);
  }
  return kExitOk;
}

void AddDiffCommand(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* command = app.add_subcommand("diff", "What changed between two sessions");
  command->add_option("baseline", options->baseline, "The session before")->required();
  command->add_option("candidate", options->candidate, "The session after")->required();
  command->add_option("-o,--output", options->output, "Write one HTML file");
  command->add_option("--by", options->by, "stack, module (of the innermost frame), thread (name)")
      ->check(CLI::IsMember({"stack", "module", "thread"}))
      ->default_str("stack");
  AddViewOptions(command, options->view, "Rows shown (default: 15, with -o 500, with --json all)",
                 "memwhy.diff/1");
  command->callback([=] { *exit_code = RunDiff(*options); });
}

const CommandRegistrar kDiffRegistrar("diff", AddDiffCommand);

}  // namespace
}  // namespace memwhy::cli
