// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap why: why the objects of a type are still there, cluster by cluster.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "analysis/heap/heap_clusters.h"
#include "analysis/heap/heap_paths.h"
#include "analysis/heap/heap_sizes.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/view_options.h"
#include "report/heap/heap_why.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapWhyRowsInText = 8;

struct HeapWhyOptions {
  DumpOptions dump;
  std::string type;
};

int RunHeapWhy(const HeapWhyOptions& options) {
  const auto opened = OpenDump(options.dump.dump);
  if (!opened) return Fail(kExitUsage, opened.error().message());
  const model::ObjectGraph& graph = (*opened)->graph;
  std::vector<model::ObjectGraph::Node> nodes;
  for (model::ObjectGraph::Node node = model::ObjectGraph::kFirst; node < graph.first_root();
       ++node) {
    if (graph.IsObject(node) && graph.TypeName(node) == options.type) nodes.push_back(node);
  }
  if (nodes.empty()) {
    return Fail(kExitUsage, "the dump has no object of type " + options.type +
                                " (memwhy heap types lists them)");
  }
  const analysis::HeapSizes sizes(graph);
  const analysis::HeapPaths paths(graph);
  const auto clusters = analysis::ClusterByPath(graph, sizes, paths, nodes);
  const report::HeapWhyView why{options.type, nodes.size(), &clusters, &sizes, &paths};
  if (options.dump.json) {
    report::WriteHeapWhyJson((*opened)->view, why, options.dump.top.value_or(SIZE_MAX), PrintOut);
  } else {
    PrintOut(
        report::HeapWhyText((*opened)->view, why, options.dump.top.value_or(kHeapWhyRowsInText)));
  }
  return kExitOk;
}

void AddWhy(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapWhyOptions>();
  CLI::App* command = heap.add_subcommand("why", "Why the objects of a type are still there");
  AddDumpOptions(command, options->dump, "Groups shown (default: 8, with --json all)",
                 "memwhy.heap.why/1");
  command->add_option("--type", options->type, "A type (module.QualName, as heap types prints it)")
      ->required()
      ->type_name("T");
  command->callback([=] { *exit_code = RunHeapWhy(*options); });
}

const HeapCommandRegistrar kHeapWhyRegistrar(4, AddWhy);

}  // namespace
}  // namespace memwhy::cli
