// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap autograd: the graphs of autograd, who holds each, what they saved.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "analysis/heap/autograd_graphs.h"
#include "analysis/heap/heap_paths.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/torch_source.h"
#include "cli/view_options.h"
#include "report/heap/torch_views.h"

namespace memwhy::cli {
namespace {

struct HeapAutogradOptions {
  DumpOptions dump;
  std::string session;
};

int RunHeapAutograd(const HeapAutogradOptions& options) {
  TorchSourceError error;
  const auto source = OpenTorchSource(options.dump.dump, options.session, &error);
  if (source == nullptr) return Fail(error.exit_code, error.message);
  const model::ObjectGraph& graph = source->dump->graph;
  const analysis::HeapPaths paths(graph);
  const auto forest = analysis::FindAutogradGraphs(graph, source->facts, paths);
  report::ShownAutograd shown;
  shown.forest = &forest;
  shown.top = options.dump.top;
  std::vector<std::uint64_t> addresses;
  for (const analysis::AutogradGraph& one : forest.graphs) {
    addresses.push_back(graph.address(one.root));
  }
  shown.births = source->FindBirths(addresses);
  if (options.dump.json) {
    report::WriteAutogradJson(source->dump->view, shown, PrintOut);
  } else {
    PrintOut(report::AutogradText(source->dump->view, shown));
  }
  return kExitOk;
}

void AddAutograd(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapAutogradOptions>();
  CLI::App* command =
      heap.add_subcommand("autograd", "Graphs of autograd: who holds each, what it saved");
  AddDumpOptions(command, options->dump, "Graphs shown (default: 20, with --json all)",
                 "memwhy.heap.autograd/1");
  command
      ->add_option("--session", options->session,
                   "The recording of the process: shows the forward line of each graph")
      ->type_name("SESSION");
  command->callback([=] { *exit_code = RunHeapAutograd(*options); });
}

const HeapCommandRegistrar kHeapAutogradRegistrar(8, AddAutograd);

}  // namespace
}  // namespace memwhy::cli
