// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap types: objects of a dump by type, with what they retain.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "analysis/heap/heap_sizes.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/number_option.h"
#include "cli/view_options.h"
#include "report/heap/heap_json.h"
#include "report/heap/heap_text.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapTypesRowsInText = 25;

struct HeapTypesOptions {
  DumpOptions dump;
  int generation = -1;
};

int RunHeapTypes(const HeapTypesOptions& options) {
  const auto opened = OpenDump(options.dump.dump);
  if (!opened) return Fail(kExitUsage, opened.error().message());
  model::ObjectGraph& graph = (*opened)->graph;
  if (options.generation >= 0 && graph.collector().lists.empty()) {
    return Fail(kExitEnvironment,
                "this dump does not tell the collector's generations apart (CPython 3.14 changed "
                "them within the version)");
  }
  graph.DropLookup();
  const analysis::HeapSizes sizes(graph);
  graph.DropEdges();
  auto rows = analysis::CountTypes(graph, sizes, {options.generation});
  if (options.dump.json) {
    if (options.dump.top && rows.size() > *options.dump.top) rows.resize(*options.dump.top);
    report::WriteHeapTypesJson((*opened)->view, rows, PrintOut);
  } else {
    PrintOut(report::HeapTypesText((*opened)->view, rows,
                                   options.dump.top.value_or(kHeapTypesRowsInText)));
  }
  return kExitOk;
}

void AddTypes(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapTypesOptions>();
  CLI::App* command = heap.add_subcommand("types", "Objects by type, with what they retain");
  AddDumpOptions(command, options->dump, "Types shown (default: 25, with --json all)",
                 "memwhy.heap.types/1");
  command
      ->add_option("--generation", options->generation,
                   "Only objects of this generation: 0, 1, 2; 3: frozen")
      ->check(WholeNumber(0, 3));
  command->callback([=] { *exit_code = RunHeapTypes(*options); });
}

const HeapCommandRegistrar kHeapTypesRegistrar(1, AddTypes);

}  // namespace
}  // namespace memwhy::cli
