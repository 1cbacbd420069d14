// SPDX-License-Identifier: Apache-2.0
//
// memwhy tensors: the storages of PyTorch, who owns each, since which line.
#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/heap/heap_paths.h"
#include "analysis/heap/tensor_rows.h"
#include "cli/cli.h"
#include "cli/torch_source.h"
#include "report/heap/torch_views.h"

namespace memwhy::cli {
namespace {

struct TensorsOptions {
  std::string target;
  std::string session;
  std::string by;
  std::optional<std::size_t> top;
  bool json = false;
};

int RunTensors(const TensorsOptions& options) {
  TorchSourceError error;
  const auto source = OpenTorchSource(options.target, options.session, &error);
  if (source == nullptr) return Fail(error.exit_code, error.message);
  const model::ObjectGraph& graph = source->dump->graph;
  const analysis::HeapPaths paths(graph);
  const analysis::TensorTable table = analysis::MakeTensorTable(graph, source->facts, paths);
  report::ShownTensors shown;
  shown.table = &table;
  shown.by = options.by;
  shown.top = options.top;
  shown.has_recording = source->births.has_value();
  std::vector<std::uint64_t> addresses;
  for (const analysis::TensorRow& row : table.rows) addresses.push_back(row.storage->data);
  shown.births = source->FindBirths(addresses);
  if (options.json) {
    report::WriteTensorsJson(source->dump->view, shown, PrintOut);
  } else {
    PrintOut(report::TensorsText(source->dump->view, shown));
  }
  return kExitOk;
}

void AddTensors(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<TensorsOptions>();
  CLI::App* command =
      app.add_subcommand("tensors", "Tensors of PyTorch: bytes, owner and birth of each storage");
  command
      ->add_option("target", options->target,
                   "A process that runs under memwhy run, a heap dump, or a session with one")
      ->required()
      ->type_name("PID|DUMP|SESSION");
  command->add_option("--by", options->by, "Group by owner, line, dtype or device")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"owner", "line", "dtype", "device"}));
  command
      ->add_option("--session", options->session,
                   "The recording of a dump's process: shows where each storage was allocated")
      ->type_name("SESSION");
  command->add_option("--top", options->top, "Rows shown (default: 20, with --json all)")
      ->type_name("N");
  command->add_flag("--json", options->json, "Print memwhy.tensors/1");
  command->callback([=] { *exit_code = RunTensors(*options); });
}

const CommandRegistrar kTensorsRegistrar("tensors", AddTensors);

}  // namespace
}  // namespace memwhy::cli
