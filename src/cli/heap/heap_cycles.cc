// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap cycles: garbage that waits for the collector, and why.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "analysis/heap/heap_cycles.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/view_options.h"
#include "report/heap/heap_json.h"
#include "report/heap/heap_text.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapCyclesRowsInText = 20;

int RunHeapCycles(const DumpOptions& options) {
  const auto opened = OpenDump(options.dump);
  if (!opened) return Fail(kExitUsage, opened.error().message());
  const analysis::Garbage garbage = analysis::FindGarbage((*opened)->graph);
  if (options.json) {
    report::WriteHeapCyclesJson((*opened)->view, garbage, options.top.value_or(SIZE_MAX), PrintOut);
  } else {
    PrintOut(report::HeapCyclesText((*opened)->view, garbage,
                                    options.top.value_or(kHeapCyclesRowsInText)));
  }
  return kExitOk;
}

void AddCycles(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<DumpOptions>();
  CLI::App* command =
      heap.add_subcommand("cycles", "Unreachable cycles not yet collected, and why");
  AddDumpOptions(command, *options, "Cycles shown (default: 20 kinds, with --json all cycles)",
                 "memwhy.heap.cycles/1");
  command->callback([=] { *exit_code = RunHeapCycles(*options); });
}

const HeapCommandRegistrar kHeapCyclesRegistrar(5, AddCycles);

}  // namespace
}  // namespace memwhy::cli
