// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap why: why the objects of a type are still there, cluster by cluster; of one tensor,
// link by link down to its pages.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "analysis/heap/heap_clusters.h"
#include "analysis/heap/heap_paths.h"
#include "analysis/heap/heap_sizes.h"
#include "analysis/heap/tensor_chain.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/torch_source.h"
#include "cli/view_options.h"
#include "monitor/memory_place.h"
#include "os/process.h"
#include "report/heap/heap_why.h"
#include "report/heap/tensor_chain_view.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapWhyRowsInText = 8;

struct HeapWhyOptions {
  DumpOptions dump;
  std::string type;
  std::string address;
};

std::string HomeText(const monitor::MallocBlock& block) {
  switch (block.home) {
    case monitor::BlockHome::kMainArena:
      return "the main arena";
    case monitor::BlockHome::kArena:
      return fmt::format("a thread's arena at 0x{:x}", block.arena);
    case monitor::BlockHome::kMapping:
      return "a mapping of its own";
  }
  return "";
}

// What the dump does not have: the process that it is of is asked, if it still runs.
report::MemoryNow LookAtMemory(const report::Json& facts, const analysis::TensorChain& chain) {
  report::MemoryNow now;
  if (chain.data == 0 || chain.device != "cpu") return now;
  const RealFileSystem fs;
  const auto pid = facts.value("pid", 0);
  const auto stat = os::ReadProcessStat(fs, pid);
  if (pid == 0 || !stat || stat->start_ticks != facts.value("start_ticks", std::uint64_t{0})) {
    now.why_unknown = "block and pages: the process of the dump has ended";
    return now;
  }
  const auto place = monitor::FindMemoryPlace(pid, chain.data, chain.bytes);
  if (!place) {
    now.why_unknown = "block and pages: " + place.error().message();
    return now;
  }
  now.pages = place->pages;
  now.resident = place->resident;
  if (place->resident) now.swapped = place->swapped;
  now.why_unknown = place->why_no_block;
  if (!place->block) return now;
  now.usable = place->block->usable;
  now.home = HomeText(*place->block);
  return now;
}

int RunChain(const HeapWhyOptions& options) {
  std::string_view digits = options.address;
  ConsumePrefix(digits, "0x");
  const auto address = ParseHex(digits);
  if (!address) return Fail(kExitUsage, "--address " + options.address + " is no address (0x...)");
  TorchSourceError error;
  const auto source = OpenTorchSource(options.dump.dump, "", &error);
  if (source == nullptr) return Fail(error.exit_code, error.message);
  const model::ObjectGraph& graph = source->dump->graph;
  const analysis::HeapPaths paths(graph);
  const auto chain = analysis::FindTensorChain(graph, source->facts, paths, *address);
  if (!chain) {
    return Fail(kExitUsage, "the dump has no tensor of PyTorch at " + options.address +
                                "; memwhy tensors lists them, memwhy heap path --address explains "
                                "other objects");
  }
  std::string owner;
  for (const analysis::ChainLink& link : chain->links) {
    if (link.node != model::ObjectGraph::kNone && owner.empty()) owner = paths.To(link.node).text;
  }
  const report::MemoryNow now = LookAtMemory(source->dump->view.facts, *chain);
  const report::TensorChainView view{*chain, owner, now};
  if (options.dump.json) {
    PrintOut(report::DumpJson(report::TensorChainJson(source->dump->view, view)) + "\n");
  } else {
    PrintOut(report::TensorChainText(source->dump->view, view));
  }
  return kExitOk;
}

int RunHeapWhy(const HeapWhyOptions& options) {
  if (!options.address.empty()) return RunChain(options);
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
  CLI::App* command =
      heap.add_subcommand("why", "Why the objects of a type, or a tensor, are still there");
  AddDumpOptions(command, options->dump, "Groups shown (default: 8, with --json all)",
                 "memwhy.heap.why/1");
  CLI::Option_group* what = command->add_option_group("");
  what->add_option("--type", options->type, "A type (module.QualName, as heap types prints it)")
      ->type_name("T");
  what->add_option("--address", options->address,
                   "A tensor of PyTorch (its object, storage or memory): each link down to its "
                   "pages")
      ->type_name("A");
  what->require_option(1);
  command->callback([=] { *exit_code = RunHeapWhy(*options); });
}

const HeapCommandRegistrar kHeapWhyRegistrar(4, AddWhy);

}  // namespace
}  // namespace memwhy::cli
