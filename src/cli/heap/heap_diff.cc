// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap diff: what two dumps of one process have different.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "analysis/heap/heap_diff.h"
#include "analysis/heap/heap_sizes.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/view_options.h"
#include "report/heap/heap_json.h"
#include "report/heap/heap_text.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapDiffRowsInText = 20;

struct HeapDiffOptions {
  DumpOptions dump;  // the first one
  std::string second;
};

int RunHeapDiff(const HeapDiffOptions& options) {
  const auto a = OpenDump(options.dump.dump);
  if (!a) return Fail(kExitUsage, a.error().message());
  const auto b = OpenDump(options.second);
  if (!b) return Fail(kExitUsage, b.error().message());
  const analysis::HeapSizes a_sizes((*a)->graph);
  const analysis::HeapSizes b_sizes((*b)->graph);
  auto changes = analysis::DiffTypes((*a)->graph, a_sizes, (*b)->graph, b_sizes);
  if (options.dump.json) {
    if (options.dump.top && changes.size() > *options.dump.top) changes.resize(*options.dump.top);
    report::WriteHeapDiffJson((*a)->view, (*b)->view, changes, PrintOut);
  } else {
    PrintOut(report::HeapDiffText((*a)->view, (*b)->view, changes,
                                  options.dump.top.value_or(kHeapDiffRowsInText)));
  }
  return kExitOk;
}

void AddDiff(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapDiffOptions>();
  CLI::App* command = heap.add_subcommand("diff", "What grew between two dumps");
  AddDumpOptions(command, options->dump, "Types shown (default: 20, with --json all)",
                 "memwhy.heap.diff/1");
  command->add_option("second", options->second, "A later dump of the same process")
      ->required()
      ->type_name("DUMP");
  command->callback([=] { *exit_code = RunHeapDiff(*options); });
}

const HeapCommandRegistrar kHeapDiffRegistrar(7, AddDiff);

}  // namespace
}  // namespace memwhy::cli
