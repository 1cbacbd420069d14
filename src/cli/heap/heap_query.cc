// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap query: the objects of a dump that meet conditions.
#include <CLI/CLI.hpp>

#include <fnmatch.h>
#include <memory>
#include <string>

#include <algorithm>
#include <vector>

#include "analysis/heap/heap_sizes.h"
#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/view_options.h"
#include "report/heap/heap_why.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapQueryRowsInText = 25;

struct HeapQueryOptions {
  DumpOptions dump;
  std::string type;
  std::string least_bytes;
  std::string least_retained;
  std::string held_by;
  std::string holds;
  bool is_unreachable = false;
  bool is_untracked = false;
};

using Graph = model::ObjectGraph;

Result<Graph::Node> ObjectAt(const Graph& graph, const std::string& text) {
  char* end = nullptr;
  const std::uint64_t address = std::strtoull(text.c_str(), &end, 0);
  if (text.empty() || *end != '\0') return Error::Of("{} is not an address (0x7f12...)", text);
  const Graph::Node node = graph.Find(address);
  if (node == Graph::kNone) return Error::Of("the dump has no object at {}", text);
  return node;
}

bool Refers(const Graph& graph, Graph::Node from, Graph::Node to) {
  const auto targets = graph.Targets(from);
  return std::find(targets.begin(), targets.end(), to) != targets.end();
}

int RunHeapQuery(const HeapQueryOptions& options) {
  Bytes least_bytes = 0;
  Bytes least_retained = 0;
  for (const auto& [text, bytes] : {std::pair(&options.least_bytes, &least_bytes),
                                    std::pair(&options.least_retained, &least_retained)}) {
    if (text->empty()) continue;
    const auto parsed = ParseBytes(*text);
    if (!parsed) return Fail(kExitUsage, parsed.error().message());
    *bytes = *parsed;
  }
  const auto opened = OpenDump(options.dump.dump);
  if (!opened) return Fail(kExitUsage, opened.error().message());
  const Graph& graph = (*opened)->graph;
  std::optional<Graph::Node> holder;
  std::optional<Graph::Node> held;
  if (!options.held_by.empty()) {
    const auto found = ObjectAt(graph, options.held_by);
    if (!found) return Fail(kExitUsage, "--held-by: " + found.error().message());
    holder = *found;
  }
  if (!options.holds.empty()) {
    const auto found = ObjectAt(graph, options.holds);
    if (!found) return Fail(kExitUsage, "--holds: " + found.error().message());
    held = *found;
  }
  const analysis::HeapSizes sizes(graph);
  std::vector<Graph::Node> nodes;
  for (Graph::Node node = Graph::kFirst; node < graph.first_root(); ++node) {
    if (!graph.IsObject(node)) continue;
    if (graph.bytes(node) < least_bytes) continue;
    if (sizes.Retained(node).weight() < least_retained) continue;
    if (options.is_unreachable && sizes.IsReachable(node)) continue;
    if (options.is_untracked && graph.is_tracked(node)) continue;
    if (!options.type.empty() &&
        fnmatch(options.type.c_str(), std::string(graph.TypeName(node)).c_str(), 0) != 0) {
      continue;
    }
    if (holder && !Refers(graph, *holder, node)) continue;
    if (held && !Refers(graph, node, *held)) continue;
    nodes.push_back(node);
  }
  const std::uint64_t matches = nodes.size();
  std::stable_sort(nodes.begin(), nodes.end(), [&](Graph::Node a, Graph::Node b) {
    return sizes.Retained(a).weight() > sizes.Retained(b).weight();
  });
  const std::size_t top =
      options.dump.top.value_or(options.dump.json ? SIZE_MAX : kHeapQueryRowsInText);
  if (nodes.size() > top) nodes.resize(top);
  if (options.dump.json) {
    report::WriteHeapQueryJson((*opened)->view, nodes, matches, sizes, PrintOut);
  } else {
    PrintOut(report::HeapQueryText((*opened)->view, nodes, matches, sizes));
  }
  return kExitOk;
}

void AddQuery(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapQueryOptions>();
  CLI::App* command = heap.add_subcommand("query", "Objects that meet all given conditions");
  AddDumpOptions(command, options->dump, "Objects shown (default: 25, with --json all)",
                 "memwhy.heap.query/1");
  command->add_option("--type", options->type, "A type, or a pattern: 'app.*'")->type_name("T");
  command->add_option("--min-bytes", options->least_bytes, "Minimum shallow size")
      ->type_name("SIZE");
  command->add_option("--min-retained", options->least_retained, "Minimum retained size")
      ->type_name("SIZE");
  command->add_option("--held-by", options->held_by, "Objects that this object refers to")
      ->type_name("A");
  command->add_option("--holds", options->holds, "Objects that refer to this object")
      ->type_name("A");
  command->add_flag("--unreachable", options->is_unreachable, "Only objects that no root reaches");
  command->add_flag("--untracked", options->is_untracked,
                    "Only objects that the collector does not track");
  command->callback([=] { *exit_code = RunHeapQuery(*options); });
}

const HeapCommandRegistrar kHeapQueryRegistrar(9, AddQuery);

}  // namespace
}  // namespace memwhy::cli
