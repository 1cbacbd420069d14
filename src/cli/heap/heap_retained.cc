// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap retained: the objects that keep most alive.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "analysis/heap/heap_paths.h"
#include "analysis/heap/heap_sizes.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/view_options.h"
#include "report/heap/heap_json.h"
#include "report/heap/heap_text.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapRetainedRowsInText = 15;

int RunHeapRetained(const DumpOptions& options) {
  const auto opened = OpenDump(options.dump);
  if (!opened) return Fail(kExitUsage, opened.error().message());
  const model::ObjectGraph& graph = (*opened)->graph;
  const analysis::HeapSizes sizes(graph);
  const analysis::HeapPaths paths(graph);
  const auto nodes = analysis::LargestRetainers(
      graph, sizes, options.top.value_or(options.json ? SIZE_MAX : kHeapRetainedRowsInText));
  if (options.json) {
    report::WriteHeapRetainedJson((*opened)->view, nodes, sizes, paths, PrintOut);
  } else {
    PrintOut(report::HeapRetainedText((*opened)->view, nodes, sizes, paths));
  }
  return kExitOk;
}

void AddRetained(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<DumpOptions>();
  CLI::App* command = heap.add_subcommand("retained", "The objects that retain most");
  AddDumpOptions(command, *options, "Objects shown (default: 15, with --json all)",
                 "memwhy.heap.retained/1");
  command->callback([=] { *exit_code = RunHeapRetained(*options); });
}

const HeapCommandRegistrar kHeapRetainedRegistrar(2, AddRetained);

}  // namespace
}  // namespace memwhy::cli
