// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap refs: references that no object accounts for.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "analysis/heap/heap_references.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/view_options.h"
#include "report/heap/heap_json.h"
#include "report/heap/heap_text.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapRefsRowsInText = 20;

int RunHeapRefs(const DumpOptions& options) {
  const auto opened = OpenDump(options.dump);
  if (!opened) return Fail(kExitUsage, opened.error().message());
  const analysis::ReferenceBalance balance = analysis::BalanceReferences((*opened)->graph);
  if (options.json) {
    report::WriteHeapRefsJson((*opened)->view, balance, options.top.value_or(SIZE_MAX), PrintOut);
  } else {
    PrintOut(
        report::HeapRefsText((*opened)->view, balance, options.top.value_or(kHeapRefsRowsInText)));
  }
  return kExitOk;
}

void AddRefs(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<DumpOptions>();
  CLI::App* command = heap.add_subcommand(
      "refs", "Objects with reference counts that are too high: leaks of C code");
  AddDumpOptions(command, *options, "Rows shown (default: 20 types, with --json all objects)",
                 "memwhy.heap.refs/1");
  command->callback([=] { *exit_code = RunHeapRefs(*options); });
}

const HeapCommandRegistrar kHeapRefsRegistrar(6, AddRefs);

}  // namespace
}  // namespace memwhy::cli
