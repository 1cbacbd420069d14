// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap trend: types that grow from each of several dumps to the next.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "analysis/heap/heap_trend.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "cli/number_option.h"
#include "cli/view_options.h"
#include "report/heap/heap_why.h"

namespace memwhy::cli {
namespace {

constexpr std::size_t kHeapTrendRowsInText = 20;

struct HeapTrendOptions {
  std::vector<std::string> dumps;
  bool json = false;
  std::optional<std::size_t> top;
};

int RunHeapTrend(const HeapTrendOptions& options) {
  if (options.dumps.size() < 2) return Fail(kExitUsage, "heap trend needs two dumps or more");
  analysis::HeapTrend trend;
  std::vector<report::HeapDumpView> views;
  // One graph at a time: what is compared are counts.
  for (const std::string& path : options.dumps) {
    const auto opened = OpenDump(path);
    if (!opened) return Fail(kExitUsage, opened.error().message());
    trend.Add((*opened)->graph);
    report::HeapDumpView view;
    view.facts = report::DumpFactsJson((*opened)->view);
    views.push_back(std::move(view));
  }
  const auto types = trend.Types();
  if (options.json) {
    report::WriteHeapTrendJson(views, types, options.top.value_or(SIZE_MAX), PrintOut);
  } else {
    PrintOut(report::HeapTrendText(views, types, options.top.value_or(kHeapTrendRowsInText)));
  }
  return kExitOk;
}

void AddTrend(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapTrendOptions>();
  CLI::App* command = heap.add_subcommand("trend", "Types that grow from dump to dump");
  command->add_option("dumps", options->dumps, "Dumps of one process, in the order of time")
      ->required()
      ->type_name("DUMP...");
  command->add_flag("--json", options->json, "Print memwhy.heap.trend/1");
  command->add_option("--top", options->top, "Types shown (default: 20, with --json all)")
      ->type_name("N")
      ->check(WholeNumber());
  command->callback([=] { *exit_code = RunHeapTrend(*options); });
}

const HeapCommandRegistrar kHeapTrendRegistrar(8, AddTrend);

}  // namespace
}  // namespace memwhy::cli
