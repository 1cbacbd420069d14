// SPDX-License-Identifier: Apache-2.0
//
// What the commands that read heap dumps share.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/heap/object_graph.h"
#include "report/heap/heap_json.h"

namespace memwhy::cli {

struct OpenedDump {
  model::ObjectGraph graph;
  report::HeapDumpView view;  // of graph
};
// A damaged dump opens, and says so in every view.
Result<std::unique_ptr<OpenedDump>> OpenDump(const std::string& path);

struct DumpOptions {
  std::string dump;
  bool json = false;
  std::optional<std::size_t> top;
};
// DUMP, --json and --top.
void AddDumpOptions(CLI::App* command, DumpOptions& options, const char* top_help,
                    const char* schema);

}  // namespace memwhy::cli
