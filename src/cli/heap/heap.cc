// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap: the objects of a live process, and what a dump of them tells.
#include "cli/heap/heap.h"

#include <CLI/CLI.hpp>
#include <map>

#include "cli/cli.h"

namespace memwhy::cli {
namespace {

std::multimap<int, AddHeapCommand>& HeapCommands() {
  static std::multimap<int, AddHeapCommand> commands;
  return commands;
}

void AddHeap(CLI::App& app, int* exit_code) {
  CLI::App* heap =
      app.add_subcommand("heap", "The objects of a process: which grow, and who holds them");
  heap->require_subcommand(1);
  for (const auto& [order, add] : HeapCommands()) add(*heap, exit_code);
}

const CommandRegistrar kHeapRegistrar("heap", AddHeap);

}  // namespace

HeapCommandRegistrar::HeapCommandRegistrar(int order, AddHeapCommand add) {
  HeapCommands().emplace(order, add);
}

}  // namespace memwhy::cli
