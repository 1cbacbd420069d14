// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap path: who holds an object, or a type's objects, in words.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "analysis/heap/heap_paths.h"
#include "analysis/heap/heap_sizes.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/number_option.h"
#include "cli/open_births.h"
#include "cli/view_options.h"
#include "report/heap/heap_json.h"
#include "report/heap/heap_text.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kPathsInText = 5;

struct HeapPathOptions {
  DumpOptions dump;
  std::string type;
  std::string address;
  std::optional<std::size_t> most;
  std::string session;
};

Result<std::vector<model::ObjectGraph::Node>> FindObjects(const model::ObjectGraph& graph,
                                                          const HeapPathOptions& options) {
  using Graph = model::ObjectGraph;
  std::vector<Graph::Node> nodes;
  if (!options.address.empty()) {
    char* end = nullptr;
    const std::uint64_t address = std::strtoull(options.address.c_str(), &end, 0);
    if (*end != '\0') {
      return Error::Of("--address {}: not a number (0x7f12..., as the other commands print it)",
                       options.address);
    }
    const Graph::Node node = graph.Find(address);
    if (node == Graph::kNone) return Error::Of("the dump has no object at {}", options.address);
    nodes.push_back(node);
    return nodes;
  }
  for (Graph::Node node = Graph::kFirst; node < graph.first_root(); ++node) {
    if (graph.IsObject(node) && graph.TypeName(node) == options.type) nodes.push_back(node);
  }
  if (nodes.empty()) {
    return Error::Of("the dump has no object of type {} (memwhy heap types lists them)",
                     options.type);
  }
  return nodes;
}

int RunHeapPath(const HeapPathOptions& options) {
  if (options.type.empty() == options.address.empty()) {
    return Fail(kExitUsage, "heap path needs one of --type T and --address A");
  }
  const auto opened = OpenDump(options.dump.dump);
  if (!opened) return Fail(kExitUsage, opened.error().message());
  const model::ObjectGraph& graph = (*opened)->graph;
  auto nodes = FindObjects(graph, options);
  if (!nodes) return Fail(kExitUsage, nodes.error().message());
  const std::size_t of = nodes->size();
  const analysis::HeapSizes sizes(graph);
  const analysis::HeapPaths paths(graph);
  // Those that retain most say most.
  std::stable_sort(nodes->begin(), nodes->end(), [&](auto a, auto b) {
    return sizes.Retained(a).weight() > sizes.Retained(b).weight();
  });
  const std::size_t most = options.most        ? *options.most
                           : options.dump.top  ? *options.dump.top
                           : options.dump.json ? SIZE_MAX
                                               : kPathsInText;
  if (nodes->size() > most) nodes->resize(most);
  std::vector<report::ShownPath> shown;
  for (const auto node : *nodes) shown.push_back({node, paths.To(node), std::nullopt});
  if (!options.session.empty()) {
    const auto births = OpenedBirths::Open(options.session, (*opened)->view.facts);
    if (!births) return Fail(kExitUsage, births.error().message());
    for (auto& one : shown) one.birth = births->Find(graph.address(one.node));
  }
  if (options.dump.json) {
    report::WriteHeapPathJson((*opened)->view, shown, sizes, PrintOut);
  } else {
    PrintOut(report::HeapPathText((*opened)->view, shown, sizes, of));
  }
  return kExitOk;
}

void AddPath(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapPathOptions>();
  CLI::App* command = heap.add_subcommand("path", "Who holds an object, in words");
  AddDumpOptions(command, options->dump, "The same as --max", "memwhy.heap.path/1");
  command->add_option("--type", options->type, "Objects of this type (module.QualName)")
      ->type_name("T");
  command->add_option("--address", options->address, "The object at this address")->type_name("A");
  command->add_option("--max", options->most, "Objects shown (default: 5, with --json all)")
      ->type_name("N")
      ->check(WholeNumber());
  command
      ->add_option("--session", options->session,
                   "The recording of the process: shows where each object was allocated")
      ->type_name("SESSION");
  command->callback([=] { *exit_code = RunHeapPath(*options); });
}

const HeapCommandRegistrar kHeapPathRegistrar(3, AddPath);

}  // namespace
}  // namespace memwhy::cli
